import { whyNoKafka } from "./kafka-install.ts";

/**
 * For `test(name, { skip: skipWithout("kafka") }, …)`: a reason to skip where the service cannot be started
 * here. With CI set it is always false, so that the test runs and its start fails by name.
 */
export function skipWithout(service: "kafka"): string | false {
  const missing = service === "kafka" ? whyNoKafka() : null;
  if (missing === null || process.env["CI"]) return false;
  return missing;
}
