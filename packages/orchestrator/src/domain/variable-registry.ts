import type { Actor } from "./audit-log.ts";
import type { Variables } from "./connections.ts";
import { didYouMean } from "./did-you-mean.ts";
import { MillraceError } from "./errors.ts";
import type { VariableEntry, VariableSource, VariableStore } from "./variable-store.ts";

interface NewVariable {
  readonly key: string;
  readonly value: string;
  readonly description: string | null;
}

/** Every variable there is: those of the environment come before stored ones of the same key, and are never written. */
export class VariableRegistry implements Variables {
  readonly #environment: VariableSource;
  readonly #store: VariableStore;

  constructor(environment: VariableSource, store: VariableStore) {
    this.#environment = environment;
    this.#store = store;
  }

  /** @throws {MillraceError} VARIABLE_NOT_FOUND, SECRET_UNREADABLE, SECRET_KEY_INVALID */
  async get(key: string): Promise<string> {
    const { value, error } = await this.entry(key);
    if (value === null) throw error!;
    return value;
  }

  /** In order of key. A stored one that the environment hides is left out. */
  async list(): Promise<readonly VariableEntry[]> {
    const found = this.#environment.list();
    const taken = new Set(found.map(({ variable }) => variable));
    const stored = (await this.#store.list()).filter(({ key }) => !this.#environment.variablesOf(key).some((name) => taken.has(name)));
    return [...found, ...stored].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** @throws {MillraceError} VARIABLE_NOT_FOUND */
  async entry(key: string): Promise<VariableEntry> {
    const entry = this.#environment.find(key) ?? (await this.#store.find(key));
    if (entry !== null) return entry;
    throw await this.#notFound(key);
  }

  /** @throws {MillraceError} VARIABLE_EXISTS, VARIABLE_READ_ONLY, SECRET_UNREADABLE, SECRET_KEY_INVALID */
  async create(variable: NewVariable, by: Actor): Promise<VariableEntry> {
    this.#assertWritable(variable.key);
    if ((await this.#store.find(variable.key)) !== null)
      throw new MillraceError("VARIABLE_EXISTS", `there is a variable '${variable.key}' in the metadata DB already`);
    return this.#save(variable, by);
  }

  /** @throws {MillraceError} VARIABLE_NOT_FOUND, VARIABLE_READ_ONLY, SECRET_UNREADABLE, SECRET_KEY_INVALID */
  async replace(variable: NewVariable, by: Actor): Promise<VariableEntry> {
    this.#assertWritable(variable.key);
    if ((await this.#store.find(variable.key)) === null) throw await this.#notFound(variable.key);
    return this.#save(variable, by);
  }

  /** A stored one, also where the environment hides it. @throws {MillraceError} VARIABLE_NOT_FOUND, VARIABLE_READ_ONLY */
  async delete(key: string, by: Actor): Promise<void> {
    if (await this.#store.delete(key, by)) return;
    this.#assertWritable(key);
    throw await this.#notFound(key);
  }

  async #save(variable: NewVariable, by: Actor): Promise<VariableEntry> {
    await this.#store.save(variable, by);
    return { ...variable, variable: null, error: null };
  }

  /** What would be stored would not be used. */
  #assertWritable(key: string): void {
    const variable = this.#environment.find(key)?.variable ?? null;
    if (variable === null) return;
    throw new MillraceError(
      "VARIABLE_READ_ONLY",
      `variable '${key}' comes from ${variable} of the server's environment, which goes before what is stored`,
      { hint: `change ${variable} where the server is started, or remove it there` },
    );
  }

  async #notFound(key: string): Promise<MillraceError> {
    const names = this.#environment.variablesOf(key);
    const known = (await this.list()).map((entry) => entry.key);
    const hint = `store it with \`millrace variables set ${key} VALUE\`, or set ${names[0]} where the server is started`;
    const message = `variable '${key}': expected it in ${names.join(" or ")} or in the metadata DB, it is in none of them`;
    return new MillraceError("VARIABLE_NOT_FOUND", message, { hint, ...didYouMean(key, known) });
  }
}
