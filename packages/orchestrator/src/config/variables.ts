import type { Variables } from "../domain/connections.ts";
import { MillraceError } from "../domain/errors.ts";
import type { VariableEntry, VariableSource } from "../domain/variable-store.ts";
import type { Environment } from "./config.ts";
import { idsIn, variableNames } from "./variable-names.ts";

/** Variables in `MILLRACE_VAR_<KEY>`, then `AIRFLOW_VAR_<KEY>`. */
export class EnvironmentVariables implements Variables, VariableSource {
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** @throws {MillraceError} VARIABLE_NOT_FOUND */
  async get(key: string): Promise<string> {
    const value = this.find(key)?.value ?? null;
    if (value !== null) return value;
    const names = this.variablesOf(key);
    throw new MillraceError("VARIABLE_NOT_FOUND", `variable '${key}': expected it in ${names.join(" or ")}, neither is set`, {
      hint: `set ${names[0]}`,
    });
  }

  /** Keys are told from the variables' names, in lower case. */
  list(): readonly VariableEntry[] {
    return idsIn(this.#env, "VAR").map((key) => this.find(key)!);
  }

  find(key: string): VariableEntry | null {
    const variable = this.variablesOf(key).find((name) => this.#env[name] !== undefined);
    return variable === undefined ? null : { key, description: null, variable, value: this.#env[variable]!, error: null };
  }

  variablesOf(key: string): readonly string[] {
    return variableNames("VAR", key);
  }
}
