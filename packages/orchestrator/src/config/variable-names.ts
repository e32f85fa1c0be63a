import type { Environment } from "./config.ts";

type Kind = "CONN" | "VAR";

/** The environment variables that may hold a connection or variable, ours first: `sqs-eu` → `MILLRACE_CONN_SQS_EU`, `AIRFLOW_CONN_SQS_EU`. */
export function variableNames(kind: Kind, id: string): readonly [string, string] {
  const suffix = id.toUpperCase().replace(/[^A-Z0-9_]/g, "_");
  return [`MILLRACE_${kind}_${suffix}`, `AIRFLOW_${kind}_${suffix}`];
}

/** The ids of the variables that are set, in lower case: how they were written is not known. An empty connection counts as not set. */
export function idsIn(env: Environment, kind: Kind): readonly string[] {
  const isSet = (name: string): boolean => env[name] !== undefined && (kind === "VAR" || env[name] !== "");
  const matches = Object.keys(env).map((name) => (isSet(name) ? /^(?:MILLRACE|AIRFLOW)_(CONN|VAR)_([A-Z0-9_]+)$/.exec(name) : null));
  const ids = matches.flatMap((match) => (match?.[1] === kind ? [match[2]!.toLowerCase()] : []));
  return [...new Set(ids)].sort();
}
