import { whyNoKafka, whyNoSecureKafka } from "./kafka-install.ts";
import { whyNoMoto } from "./moto-server.ts";
import { whyNoNpmRegistry } from "./npm-registry.ts";
import { whyNoPgbouncer } from "./pgbouncer-server.ts";
import { whyNoPostgres } from "./postgres-server.ts";
import { whyNoStrace } from "./strace.ts";

const MISSING = {
  kafka: whyNoKafka,
  "secure-kafka": whyNoSecureKafka,
  postgres: whyNoPostgres,
  pgbouncer: whyNoPgbouncer,
  "npm-registry": whyNoNpmRegistry,
  strace: whyNoStrace,
} as const;

/**
 * For `test(name, { skip: skipWithout("kafka") }, …)`: a reason to skip where the service cannot be started
 * here. With CI set it is always false, so that the test runs and its start fails by name; but for moto, whose tests
 * repeat on another server what others prove.
 */
export function skipWithout(service: keyof typeof MISSING | "moto"): string | false {
  if (service === "moto") return whyNoMoto() ?? false;
  if (process.env["CI"]) return false;
  return MISSING[service]() ?? false;
}
