import type { Client, Pool } from "pg";
import { backoffMs } from "../../../domain/backoff.ts";
import type { Clock } from "../../../domain/clock.ts";
import type { Wake } from "../../../domain/cluster.ts";
import type { Log } from "../../../domain/log.ts";
import { mergeWakes } from "./merge-wakes.ts";

export interface NotifierOptions {
  readonly processId: number;
  /** A new client each time, not connected: LISTEN needs a session of its own. */
  readonly makeClient: () => Client;
  readonly pool: Pool;
  readonly clock: Clock;
  readonly log: Log;
  readonly onWake: (wake: Wake) => void;
}

/** PostgreSQL refuses longer ones, 8,000 bytes and more. */
const MAX_PAYLOAD = 7_500;
const RECONNECT = { firstMs: 100, maxMs: 5_000 };
const EVERYONE = "millrace_all";

/**
 * LISTEN and NOTIFY between the processes of one metadata DB. Never in a hot transaction, where NOTIFY would take a lock on
 * the whole database at the commit: what is to be told goes out afterwards, one statement at a time, all of a target together.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  #waiting = new Map<string, Wake[]>();
  #sending: Promise<void> | null = null;
  #client: Client | null = null;
  #isStopped = false;
  #failures = 0;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#listen();
  }

  /** Resolves once everything told so far is on its way. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }

  tell(processId: number, wake: Wake): void {
    this.#push(channelOf(processId), wake);
  }

  tellAll(wake: Wake): void {
    this.#push(EVERYONE, wake);
  }

  #push(channel: string, wake: Wake): void {
    if (this.#isStopped) return;
    const waiting = this.#waiting.get(channel);
    if (waiting === undefined) this.#waiting.set(channel, [wake]);
    else waiting.push(wake);
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    // What is told in this turn goes out together.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const waiting = this.#waiting;
      this.#waiting = new Map();
      const payloads = [...waiting].map(([channel, wakes]) => [channel, encode(this.#options.processId, mergeWakes(wakes))]);
      const values = [payloads.map(([channel]) => channel), payloads.map(([, payload]) => payload)];
      const sql = "SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) AS u (c, p)";
      await this.#options.pool.query(sql, values).catch((error: unknown) => {
        this.#options.log.debug("a notification was lost; the others look by themselves", { error: (error as Error).message });
      });
    }
    this.#sending = null;
  }

  async #listen(): Promise<void> {
    const client = this.#options.makeClient();
    client.on("notification", ({ payload = "" }) => this.#receive(payload));
    try {
      await client.connect();
      await client.query(`LISTEN ${EVERYONE}`);
      await client.query(`LISTEN ${channelOf(this.#options.processId)}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    client.once("end", () => this.#listenAgain());
    this.#client = client;
  }

  #listenAgain(): void {
    if (this.#isStopped) return;
    this.#failures += 1;
    this.#options.clock.after(backoffMs(this.#failures, RECONNECT), () => {
      if (this.#isStopped) return;
      this.#listen().then(
        () => {
          this.#failures = 0;
          this.#options.onWake({ kind: "look" });
        },
        () => this.#listenAgain(),
      );
    });
  }

  #receive(payload: string): void {
    const { from, wakes } = JSON.parse(payload) as { readonly from: number; readonly wakes: readonly Wake[] };
    if (from !== this.#options.processId) for (const wake of wakes) this.#options.onWake(wake);
  }
}

function channelOf(processId: number): string {
  return `millrace_${processId}`;
}

function encode(from: number, wakes: readonly Wake[]): string {
  const payload = JSON.stringify({ from, wakes });
  return Buffer.byteLength(payload) <= MAX_PAYLOAD ? payload : JSON.stringify({ from, wakes: [{ kind: "look" }] });
}
