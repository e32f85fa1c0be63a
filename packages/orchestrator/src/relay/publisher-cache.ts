import type { Publisher } from "@millrace/sdk/provider";
import { connectionOf } from "../domain/connection-of.ts";
import type { Connections } from "../domain/connections.ts";
import { MillraceError } from "../domain/errors.ts";
import type { Log } from "../domain/log.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";

interface OpenPublisher {
  readonly connection: string;
  readonly opening: Promise<Publisher>;
  users: number;
  isDropped: boolean;
}

export interface PublisherCacheOptions {
  readonly connections: Connections;
  readonly catalog: ProviderCatalog;
  readonly log: Log;
}

/** What a publisher is opened for. */
export interface PublisherTarget {
  readonly kind: string;
  readonly connection: string;
  /** Of one destination: they may complete the connection. */
  readonly params: object;
}

/** One publisher per connection and kind, shared by their lanes. One that failed is dropped, and opened anew by its next user. */
export class PublisherCache {
  readonly #options: PublisherCacheOptions;
  readonly #publishers = new Map<string, OpenPublisher>();

  constructor(options: PublisherCacheOptions) {
    this.#options = options;
  }

  /** @throws what opening or `use` throws; the publisher is then closed once nobody uses it. */
  async use<T>(target: PublisherTarget, use: (publisher: Publisher) => Promise<T>): Promise<T> {
    const key = this.#keyOf(target);
    const entry = this.#publishers.get(key) ?? { connection: target.connection, opening: this.#open(target), users: 0, isDropped: false };
    this.#publishers.set(key, entry);
    entry.users += 1;
    try {
      return await use(await entry.opening);
    } catch (error) {
      entry.isDropped = true;
      if (this.#publishers.get(key) === entry) this.#publishers.delete(key);
      throw error;
    } finally {
      entry.users -= 1;
      if (entry.isDropped && entry.users === 0) await this.#close(entry);
    }
  }

  /** Its publishers are opened anew by their next users; those of now finish first. */
  async drop(connection: string): Promise<void> {
    const dropped = [...this.#publishers].filter(([, entry]) => entry.connection === connection);
    for (const [key, entry] of dropped) {
      this.#publishers.delete(key);
      entry.isDropped = true;
    }
    await Promise.all(dropped.map(async ([, entry]) => (entry.users === 0 ? this.#close(entry) : undefined)));
  }

  async close(): Promise<void> {
    const entries = [...this.#publishers.values()];
    this.#publishers.clear();
    await Promise.all(entries.map((entry) => this.#close(entry)));
  }

  /** Params that would complete the connection in different ways need publishers of their own. */
  #keyOf({ kind, connection, params }: PublisherTarget): string {
    const completed = this.#options.catalog.findDestination(kind)?.completeConnection?.(params, connection, null) ?? null;
    return JSON.stringify([kind, connection, completed]);
  }

  async #open({ kind, connection, params }: PublisherTarget): Promise<Publisher> {
    const { connections, catalog, log } = this.#options;
    const destination = catalog.findDestination(kind);
    if (destination === undefined)
      throw new MillraceError("PROVIDER_NOT_FOUND", `expected a provider with the destination kind "${kind}", got none`);
    return destination.openPublisher(await connectionOf(destination, params, connection, connections), {
      log: log.child({ connection, kind }),
    });
  }

  async #close(entry: OpenPublisher): Promise<void> {
    try {
      await (await entry.opening).close();
    } catch (error) {
      this.#options.log.debug("a publisher was not closed in order", { error });
    }
  }
}
