import { whyNoKafka, whyNoSecureKafka } from "./kafka-install.ts";
import { whyNoMoto } from "./moto-server.ts";

/**
 * For `test(name, { skip: skipWithout("kafka") }, …)`: a reason to skip where the service cannot be started
 * here. With CI set it is always false, so that the test runs and its start fails by name; but for moto, whose
 * tests repeat on another server what others prove.
 */
export function skipWithout(service: "kafka" | "secure-kafka" | "moto"): string | false {
  if (service === "moto") return whyNoMoto() ?? false;
  const missing = service === "kafka" ? whyNoKafka() : whyNoSecureKafka();
  if (missing === null || process.env["CI"]) return false;
  return missing;
}
