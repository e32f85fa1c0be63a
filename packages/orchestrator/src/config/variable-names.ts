/** The environment variables that may hold a connection or variable, ours first: `sqs-eu` → `MILLRACE_CONN_SQS_EU`, `AIRFLOW_CONN_SQS_EU`. */
export function variableNames(kind: "CONN" | "VAR", id: string): readonly [string, string] {
  const suffix = id.toUpperCase().replace(/[^A-Z0-9_]/g, "_");
  return [`MILLRACE_${kind}_${suffix}`, `AIRFLOW_${kind}_${suffix}`];
}
