import type { TaskDispatch } from "../../domain/executor.ts";
import type { WorkerHealth } from "../../domain/health.ts";
import { DEAD_AFTER_MS } from "../../domain/liveness.ts";
import type { Isolation, RemoteHello, SchedulerFrame } from "../../domain/remote-frames.ts";
import type { TaskPlace } from "../../domain/worker-frames.ts";
import type { AdmittedWorker } from "./worker-listener.ts";
import type { WorkerConnection } from "./worker-connection.ts";

/** Clocks that differ by less are as one: both are set over the network. */
const SAME_CLOCK_MS = 1_000;

/** A `millrace worker` on some machine, as its scheduler knows it; it outlives its connections for a while. */
export class ConnectedWorker {
  readonly id: string;
  /** What it was given and has not reported on, by fence. */
  readonly tries = new Map<string, TaskDispatch>();
  /** What it offered and was not used yet. */
  readonly credits: Record<Isolation, number> = { shared: 0, process: 0 };
  /** Its sentences, by the lockfiles that it does not have. */
  readonly mismatches = new Map<string, string>();
  isDraining = false;
  /** How many of its processes a task blocks. */
  blocked = 0;
  /** UTC ms. */
  lastHeartbeatAt: number | null = null;
  /** Gives its tries up; null while it is connected. */
  cancelLease: (() => void) | null = null;
  /** What is added to its instants, ms: how far its clock is behind this machine's. */
  clockOffsetMs = 0;
  #since: number;
  #hello: RemoteHello;
  #connection: WorkerConnection | null = null;
  #protocol = 0;
  readonly #asked: Record<Isolation, boolean> = { shared: false, process: false };
  /** What this connection was told of places, by their keys; told again where the project's lockfile has changed. */
  #places = new Map<TaskPlace, { readonly key: number; readonly lockfile: string | null }>();
  #nextPlace = 0;
  /** Paths of the bundles that it may ask for, by hash. */
  readonly #bundles = new Map<string, string>();
  #acknowledged: string[] = [];

  constructor(hello: RemoteHello, now: number) {
    this.id = hello.worker;
    this.#hello = hello;
    this.#since = now;
  }

  get isConnected(): boolean {
    return this.#connection !== null;
  }

  get name(): string {
    return `${this.#hello.host} (${this.id})`;
  }

  get project(): string {
    return this.#hello.project;
  }

  connect({ connection, hello, protocol, proof }: AdmittedWorker, unknown: readonly string[], now: number): void {
    this.#connection?.destroy();
    this.#connection = connection;
    this.#hello = hello;
    this.#protocol = protocol;
    this.#since = now;
    this.#places = new Map();
    this.lastHeartbeatAt = now;
    this.#forgetCredits();
    this.mismatches.clear();
    const offset = now - hello.now;
    this.clockOffsetMs = Math.abs(offset) > SAME_CLOCK_MS ? offset : 0;
    this.send({ type: "welcome", protocol, proof, unknown });
  }

  beat(blocked: number, theirNow: number, now: number): void {
    this.lastHeartbeatAt = now;
    this.blocked = blocked;
    // A smaller difference may be the network's delay: this one is a clock that was set.
    if (Math.abs(now - theirNow - this.clockOffsetMs) > DEAD_AFTER_MS) this.clockOffsetMs = now - theirNow;
    this.sendAcknowledgements();
  }

  disconnect(now: number): void {
    this.#connection?.destroy();
    this.#connection = null;
    this.#since = now;
    this.#forgetCredits();
  }

  /** Ends the connection in peace: neither side waits for anything of the other's any more. */
  leave(): void {
    for (const { ref } of this.tries.values()) this.send({ type: "cancel", ref });
    this.#connection?.end({ type: "bye" });
    this.#connection = null;
  }

  drain(now: number): void {
    this.isDraining = true;
    this.#since = now;
    this.#forgetCredits();
    this.sendAcknowledgements();
  }

  send(frame: SchedulerFrame, tail?: readonly Uint8Array[]): void {
    this.#connection?.send(frame, tail);
  }

  sendPeers(schedulers: readonly string[]): void {
    if (this.#protocol >= 2) this.send({ type: "peers", schedulers });
  }

  /** Of its slots, how many this scheduler may still fill; 0 where it takes nothing. */
  free(isolation: Isolation): number {
    return this.isConnected && !this.isDraining ? this.credits[isolation] : 0;
  }

  dispatch(dispatch: TaskDispatch, lockfile: string | null): void {
    const { isolation, timeoutMs, header, place, ref, tail } = dispatch;
    this.credits[isolation] -= 1;
    this.tries.set(ref.fence, dispatch);
    this.sendAcknowledgements();
    this.send({ ...header, place: this.#tell(place, lockfile), isolation, timeoutMs }, tail);
  }

  /** Says once, until there is a credit again, that there would be work. */
  want(isolation: Isolation): void {
    if (this.#asked[isolation] || this.isDraining || !this.isConnected) return;
    this.#asked[isolation] = true;
    this.send({ type: "want", isolation });
  }

  offer(isolation: Isolation, count: number): void {
    if (this.isDraining || !(count > 0)) return;
    this.credits[isolation] += count;
    this.#asked[isolation] = false;
  }

  giveBack(isolation: Isolation, count: number): void {
    const unused = Math.max(0, Math.min(count, this.credits[isolation]));
    this.credits[isolation] -= unused;
    this.send({ type: "give_back", isolation, count: unused });
  }

  /** null for one that it was never told of. */
  findBundle(hash: string): string | null {
    return this.#bundles.get(hash) ?? null;
  }

  /** Goes out with the next dispatch or heartbeat. */
  acknowledge(fence: string): void {
    this.#acknowledged.push(fence);
    if (this.isDraining) this.sendAcknowledgements();
  }

  sendAcknowledgements(): void {
    if (this.#acknowledged.length === 0) return;
    const fences = this.#acknowledged;
    this.#acknowledged = [];
    this.send({ type: "result_ack", fences });
  }

  health(): WorkerHealth {
    const { host, pid, version, slots } = this.#hello;
    const state = !this.isConnected ? "disconnected" : this.isDraining ? "draining" : "connected";
    const { id, lastHeartbeatAt, tries } = this;
    return { id, host, pid, version, state, since: this.#since, slots, running: tries.size, lastHeartbeatAt, reason: this.#reason() };
  }

  #reason(): string | null {
    if (!this.isConnected) return "its connection is cut: unless it is back soon, its tasks go elsewhere";
    if (this.isDraining) return "it ends once its tasks have";
    const mismatch = [...this.mismatches.values()].at(-1);
    if (mismatch !== undefined) return mismatch;
    if (this.blocked > 0) return `tasks block ${this.blocked} of its processes`;
    return this.credits.shared === 0 && this.tries.size > 0 ? "all the slots that it has for this scheduler are taken" : null;
  }

  #tell(place: TaskPlace, lockfile: string | null): number {
    const told = this.#places.get(place);
    if (told !== undefined && told.lockfile === lockfile) return told.key;
    const key = this.#nextPlace++;
    this.#places.set(place, { key, lockfile });
    const { bundle, source, dagId, taskId } = place;
    const bundleHash = baseName(bundle).replace(/\.mjs$/, "");
    this.#bundles.set(bundleHash, bundle);
    this.send({ type: "place", key, place: { bundleHash, file: baseName(source), dagId, taskId, lockfile } });
    return key;
  }

  #forgetCredits(): void {
    for (const isolation of ["shared", "process"] as const) {
      this.credits[isolation] = 0;
      this.#asked[isolation] = false;
    }
  }
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}
