import { nearestName } from "./nearest-name.ts";

/** What was told, so that a connection that is opened often is told of once. */
const told = new Set<string>();

/** Warns, once per connection and process, of each key of `extra` that the provider does not use: a misspelled one would be lost. Never shows a value. */
export function warnOfUnknownExtra(
  connection: { readonly id: string; readonly extra: Readonly<Record<string, unknown>> },
  known: readonly string[],
  log: { warn(message: string): void },
): void {
  for (const key of Object.keys(connection.extra)) {
    const once = `${connection.id}\n${key}`;
    if (known.includes(key) || told.has(once)) continue;
    told.add(once);
    const near = nearestName(key, known);
    const question = near === undefined ? "" : `; did you mean "${near}"?`;
    log.warn(`connection "${connection.id}": "${key}" in its extra is not a key that is used here, it has no effect${question}`);
  }
}
