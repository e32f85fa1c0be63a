import type { Variables } from "../domain/connections.ts";
import { MillraceError } from "../domain/errors.ts";
import type { Environment } from "./config.ts";
import { variableNames } from "./variable-names.ts";

/** Variables in `MILLRACE_VAR_<KEY>`, then `AIRFLOW_VAR_<KEY>`. */
export class EnvironmentVariables implements Variables {
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** @throws {MillraceError} VARIABLE_NOT_FOUND */
  async get(key: string): Promise<string> {
    const names = variableNames("VAR", key);
    const value = names.map((name) => this.#env[name]).find((text) => text !== undefined);
    if (value !== undefined) return value;
    throw new MillraceError("VARIABLE_NOT_FOUND", `variable '${key}': expected it in ${names.join(" or ")}, neither is set`, {
      hint: `set ${names[0]}`,
    });
  }
}
