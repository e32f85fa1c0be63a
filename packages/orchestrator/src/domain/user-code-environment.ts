const ALLOWED = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "NODE_ENV"];

/**
 * What the loader's child and the workers get of the server's environment: no secrets. `MILLRACE_DAG_ENV` names, with
 * commas between them, what DAG files need beside the usual.
 */
export function userCodeEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const named = (environment["MILLRACE_DAG_ENV"] ?? "").split(",").map((name) => name.trim());
  const entries = [...ALLOWED, ...named].flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}
