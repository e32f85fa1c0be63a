import type { Connection } from "@millrace/sdk/provider";
import type { Actor } from "./audit-log.ts";
import type { ConnectionEntry, ConnectionSource, ConnectionStore } from "./connection-store.ts";
import type { Connections } from "./connections.ts";
import { didYouMean } from "./did-you-mean.ts";
import { MillraceError } from "./errors.ts";

export interface ConnectionRegistryOptions {
  readonly environment: ConnectionSource;
  readonly store: ConnectionStore;
  /** Told after a stored connection was saved or deleted. */
  readonly onChange?: (id: string) => void;
}

/** Every connection there is: those of the environment come before stored ones of the same id, and are never written. */
export class ConnectionRegistry implements Connections {
  readonly #options: ConnectionRegistryOptions;

  constructor(options: ConnectionRegistryOptions) {
    this.#options = options;
  }

  /** @throws {MillraceError} CONNECTION_NOT_FOUND, CONNECTION_INVALID, SECRET_UNREADABLE, SECRET_KEY_INVALID */
  async get(id: string): Promise<Connection> {
    const { connection, error } = await this.entry(id);
    if (connection === null) throw error!;
    return connection;
  }

  /** In order of id. A stored one that a variable hides is left out. */
  async list(): Promise<readonly ConnectionEntry[]> {
    const { environment, store } = this.#options;
    const found = environment.list();
    const taken = new Set(found.map(({ variable }) => variable));
    const stored = (await store.list()).filter(({ id }) => !environment.variablesOf(id).some((name) => taken.has(name)));
    return [...found, ...stored].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** @throws {MillraceError} CONNECTION_NOT_FOUND */
  async entry(id: string): Promise<ConnectionEntry> {
    const entry = this.#options.environment.find(id) ?? (await this.#options.store.find(id));
    if (entry !== null) return entry;
    throw await this.#notFound(id);
  }

  /** @throws {MillraceError} CONNECTION_EXISTS, CONNECTION_READ_ONLY, SECRET_UNREADABLE, SECRET_KEY_INVALID */
  async create(connection: Connection, description: string | null, by: Actor): Promise<ConnectionEntry> {
    const { id } = connection;
    this.#assertWritable(id);
    if ((await this.#options.store.find(id)) !== null)
      throw new MillraceError("CONNECTION_EXISTS", `there is a connection '${id}' in the metadata DB already`);
    return this.#save(connection, description, by);
  }

  /** @throws {MillraceError} CONNECTION_NOT_FOUND, CONNECTION_READ_ONLY, SECRET_UNREADABLE, SECRET_KEY_INVALID */
  async replace(connection: Connection, description: string | null, by: Actor): Promise<ConnectionEntry> {
    this.#assertWritable(connection.id);
    if ((await this.#options.store.find(connection.id)) === null) throw await this.#notFound(connection.id);
    return this.#save(connection, description, by);
  }

  /** A stored one, also where a variable hides it. @throws {MillraceError} CONNECTION_NOT_FOUND, CONNECTION_READ_ONLY */
  async delete(id: string, by: Actor): Promise<void> {
    if (await this.#options.store.delete(id, by)) return this.#options.onChange?.(id);
    this.#assertWritable(id);
    throw await this.#notFound(id);
  }

  async #save(connection: Connection, description: string | null, by: Actor): Promise<ConnectionEntry> {
    await this.#options.store.save(connection, description, by);
    this.#options.onChange?.(connection.id);
    const { id, connType } = connection;
    return { id, connType, description, variable: null, connection, error: null };
  }

  /** What would be stored would not be used. */
  #assertWritable(id: string): void {
    const variable = this.#options.environment.find(id)?.variable ?? null;
    if (variable === null) return;
    throw new MillraceError(
      "CONNECTION_READ_ONLY",
      `connection '${id}' comes from the variable ${variable} of the server's environment, which goes before what is stored`,
      { hint: `change ${variable} where the server is started, or remove it there` },
    );
  }

  async #notFound(id: string): Promise<MillraceError> {
    const names = this.#options.environment.variablesOf(id);
    const known = (await this.list()).map((entry) => entry.id);
    const others = known.length === 0 ? "" : `; known are ${known.join(", ")}`;
    const hint = `store it with \`millrace connections add ${id} …\`, or set ${names[0]} where the server is started${others}`;
    const message = `connection '${id}': expected it in ${names.join(" or ")} or in the metadata DB, it is in none of them`;
    return new MillraceError("CONNECTION_NOT_FOUND", message, { hint, ...didYouMean(id, known) });
  }
}
