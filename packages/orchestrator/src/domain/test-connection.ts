import type { Connection, ConnectionTestResult } from "@millrace/sdk/provider";
import type { Clock } from "./clock.ts";
import { codedMessage } from "./coded-message.ts";
import type { Log } from "./log.ts";
import type { ProviderCatalog } from "./provider-catalog.ts";

export interface TestConnectionOptions {
  readonly catalog: ProviderCatalog;
  readonly clock: Clock;
  readonly log: Log;
}

const CONNECTION_TEST_LIMIT_MS = 30_000;

/** Really connects, by the provider of the connection's type. What goes wrong is a result, also a provider that throws or hangs. */
export async function testConnection(
  { catalog, clock, log }: TestConnectionOptions,
  connection: Connection,
): Promise<ConnectionTestResult> {
  const provider = catalog.findProvider(connection.connType);
  if (provider?.testConnection === undefined) return untestable(connection, provider !== undefined);
  const abort = new AbortController();
  const late = Promise.withResolvers<ConnectionTestResult>();
  const seconds = CONNECTION_TEST_LIMIT_MS / 1000;
  const cancel = clock.after(CONNECTION_TEST_LIMIT_MS, () => {
    abort.abort(new Error("the test took too long"));
    late.resolve({ ok: false, message: `nobody answered within ${seconds} s`, hint: "check the address, the port and the network" });
  });
  try {
    const test = provider.testConnection(connection, { log: log.child({ connection: connection.id }), signal: abort.signal });
    return await Promise.race([test, late.promise]);
  } catch (error) {
    return { ok: false, message: codedMessage(error as Error), hint: "see the message for what to correct" };
  } finally {
    cancel();
  }
}

function untestable({ connType }: Connection, isKnown: boolean): ConnectionTestResult {
  if (isKnown)
    return { ok: false, message: `the provider of conn_type '${connType}' has no test`, hint: "open a trigger with it, or publish" };
  const hint = "install the provider package that brings it, or correct the connection's conn_type";
  return { ok: false, message: `expected a provider for conn_type '${connType}', none is installed`, hint };
}
