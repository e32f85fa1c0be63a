import { Admin } from "@platformatic/kafka";
import type { Connection, ConnectionTestResult, ProviderLog, TriggerError } from "@millrace/sdk/provider";
import { clientOptionsOf, type ClientOptions, groupOf } from "./connection.ts";
import { hasApiError, toTriggerError } from "./error.ts";

const MAX_SHOWN = 3;

const HINTS: Readonly<Record<string, string>> = {
  AUTHENTICATION_FAILED: "correct sasl.username, sasl.password and sasl.mechanism",
  CERTIFICATE_NOT_TRUSTED: "set ssl.ca.location to the CA that signed the broker's certificate",
  CERTIFICATE_REFUSED: "correct ssl.certificate.location and ssl.key.location",
  ACCESS_DENIED: "add what the message names to this user's ACLs",
  CONNECTION_INVALID: "correct the field that the message names",
  BROKER_UNREACHABLE: "check bootstrap.servers, security.protocol and the network",
};

interface TestContext {
  readonly log: ProviderLog;
  readonly signal: AbortSignal;
}

/** Asks a broker for the cluster and for the topics that this user may see, and for its group where the connection names one. */
export async function testKafkaConnection(connection: Connection, { log, signal }: TestContext): Promise<ConnectionTestResult> {
  let options: ClientOptions | null = null;
  try {
    options = clientOptionsOf(connection, log);
    const admin = new Admin({ ...options, retries: 0 });
    const close = (): void => void admin.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      return await ask(admin, options, groupOf(connection));
    } finally {
      signal.removeEventListener("abort", close);
      await admin.close();
    }
  } catch (error) {
    return toFailure(toTriggerError(error, { servers: options?.bootstrapBrokers ?? [], topics: [] }));
  }
}

async function ask(admin: Admin, options: ClientOptions, group: string | null): Promise<ConnectionTestResult> {
  const { id, brokers } = await admin.metadata({ topics: [], forceUpdate: true });
  const topics = await admin.listTopics();
  const user = principalOf(options);
  const cluster = `cluster ${id} with ${brokers.size} broker${brokers.size === 1 ? "" : "s"} answers${user === null ? "" : ` ${user}`}`;
  if (group !== null && (await isGroupDenied(admin, group))) {
    const hint = `add READ and DESCRIBE on group "${group}" to this user's ACLs`;
    return { ok: false, message: `ACCESS_DENIED: ${cluster}, but does not allow it the group "${group}"`, hint };
  }
  if (topics.length > 0) return { ok: true, message: `${cluster}: ${describeTopics(topics)}` };
  return { ok: true, message: `${cluster}: no topic is visible; there is none, or ${user ?? "this user"} lacks DESCRIBE on them` };
}

async function isGroupDenied(admin: Admin, group: string): Promise<boolean> {
  try {
    await admin.describeGroups({ groups: [group] });
    return false;
  } catch (error) {
    if (hasApiError(error as Error, ["GROUP_AUTHORIZATION_FAILED"])) return true;
    // A group that does not exist yet is made when a trigger opens.
    if (hasApiError(error as Error, ["GROUP_ID_NOT_FOUND", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR"])) return false;
    throw error;
  }
}

/** As ACLs name it; null where the broker alone knows. */
function principalOf({ sasl }: ClientOptions): string | null {
  return typeof sasl?.username === "string" ? `User:${sasl.username}` : null;
}

function describeTopics(topics: readonly string[]): string {
  const shown = topics.toSorted().slice(0, MAX_SHOWN).join(", ");
  return `${topics.length} topic${topics.length === 1 ? "" : "s"} (${shown}${topics.length > MAX_SHOWN ? ", …" : ""})`;
}

function toFailure({ code, message }: TriggerError): ConnectionTestResult {
  return { ok: false, message: `${code}: ${message}`, hint: HINTS[code] ?? "see the message for what to correct" };
}
