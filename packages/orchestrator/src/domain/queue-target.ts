import { nearestName, type QueueScheme, type QueueTarget } from "@millrace/sdk/provider";
import { MillraceError } from "./errors.ts";
import type { ProviderCatalog } from "./provider-catalog.ts";

/** The kind of the triggers and destinations that name a queue by its URL alone: no provider brings it, it becomes one that a provider does. */
export const MESSAGE_QUEUE_KIND = "message_queue";

/** What `messageQueueTrigger` and `messageQueue` leave to be found out. */
export interface QueueAddress {
  readonly queue: string;
  /** Where the URL alone does not tell. */
  readonly scheme: string | null;
  /** null for the provider's default. */
  readonly connection: string | null;
}

/** What `messageQueueTrigger` and `messageQueue` of the SDK write: an empty connection is the provider's default. */
export function toQueueAddress({ connection, params }: { readonly connection: string; readonly params: object }): QueueAddress {
  const { queue, scheme = null } = params as { readonly queue: string; readonly scheme?: string | null };
  return { queue, scheme, connection: connection === "" ? null : connection };
}

type Side = "trigger" | "destination";

/** The provider's own trigger for a queue. @throws {MillraceError} BAD_REQUEST, with the schemes that come into question */
export function queueTrigger(catalog: ProviderCatalog, address: QueueAddress): QueueTarget {
  return toTarget(catalog, address, "trigger");
}

/** The provider's own destination for a queue. @throws {MillraceError} BAD_REQUEST, with the schemes that come into question */
export function queueDestination(catalog: ProviderCatalog, address: QueueAddress): QueueTarget {
  return toTarget(catalog, address, "destination");
}

/** Of a URL's login and password: what names a queue is shown and logged. */
const USER_INFO = /^[^/]*:\/\/[^/]*@/;

function toTarget({ queueSchemes }: ProviderCatalog, { queue, scheme, connection }: QueueAddress, side: Side): QueueTarget {
  if (USER_INFO.test(queue)) {
    const hint = "take them out of the URL, and set them in the connection";
    throw new MillraceError("BAD_REQUEST", "expected the URL of a queue without a login or password, got one with them", { hint });
  }
  const chosen = scheme === null ? matching(queueSchemes, queue) : named(queueSchemes, scheme);
  try {
    const target = chosen[side](queue);
    return connection === null ? target : { ...target, connection };
  } catch (cause) {
    throw new MillraceError("BAD_REQUEST", `queue '${queue}': ${(cause as Error).message}`, { cause, hint: "correct the queue's URL" });
  }
}

function named(schemes: readonly QueueScheme[], scheme: string): QueueScheme {
  const found = schemes.find((one) => one.scheme === scheme);
  if (found !== undefined) return found;
  const names = schemes.map((one) => one.scheme);
  const near = nearestName(scheme, names);
  const hint = near === undefined ? "install the provider package that brings it" : `did you mean '${near}'?`;
  throw new MillraceError("BAD_REQUEST", `no installed provider has the scheme '${scheme}'; there are ${quoted(names)}`, { hint });
}

function matching(schemes: readonly QueueScheme[], queue: string): QueueScheme {
  const sure = schemes.filter((one) => one.match(queue) === "yes");
  if (sure[0] !== undefined && sure.length === 1) return sure[0];
  const candidates = sure.length > 0 ? sure : schemes.filter((one) => one.match(queue) === "maybe");
  const names = candidates.map((one) => one.scheme);
  if (names.length === 0) {
    const message = `queue '${queue}' is of no system that an installed provider knows; there are ${quoted(schemes.map((one) => one.scheme))}`;
    throw new MillraceError("BAD_REQUEST", message, { hint: "correct the URL, or install the provider package of its system" });
  }
  const message = `the URL does not say of which system the queue '${queue}' is; it can be of ${quoted(names)}`;
  throw new MillraceError("BAD_REQUEST", message, { hint: `say which, as in \`scheme: "${names[0]}"\`` });
}

function quoted(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.map((name) => `'${name}'`).join(" and ");
}
