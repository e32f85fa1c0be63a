import { strict as assert } from "node:assert";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { eventually } from "@millrace/test-services";
import { FrameChannel } from "../src/domain/frame-channel.ts";
import { proveToken, type RemoteHello, type RemoteWorkerFrame, type SchedulerFrame } from "../src/domain/remote-frames.ts";
import { type TryRef, WORKER_PROTOCOL } from "../src/domain/worker-frames.ts";

type Of<Type extends SchedulerFrame["type"]> = Extract<SchedulerFrame, { type: Type }>;

/** The worker's end of a socket, frame by frame: what a worker of another version, or none, may send. */
export class WireWorker {
  readonly socket: Socket;
  readonly received: { readonly header: SchedulerFrame; readonly tail: Buffer }[] = [];
  isClosed = false;
  readonly #channel: FrameChannel<RemoteWorkerFrame, SchedulerFrame>;

  constructor(t: TestContext, address: string) {
    const { hostname, port } = new URL(`tcp://${address}`);
    this.socket = connect(Number(port), hostname);
    this.#channel = new FrameChannel((bytes) => void this.socket.write(bytes));
    this.socket.on("data", (chunk: Buffer) => this.received.push(...this.#channel.receive(chunk)));
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => (this.isClosed = true));
    t.after(() => this.socket.destroy());
  }

  send(frame: RemoteWorkerFrame, tail?: readonly Uint8Array[]): void {
    this.#channel.send(frame, tail);
  }

  /** The first frame of that type that has not been taken; waits for it. */
  async take<Type extends SchedulerFrame["type"]>(type: Type): Promise<Of<Type>> {
    return eventually(() => {
      const at = this.received.findIndex(({ header }) => header.type === type);
      assert.notEqual(at, -1, `a frame '${type}' came, got ${this.received.map(({ header }) => header.type).join(", ")}`);
      return this.received.splice(at, 1)[0]!.header as Of<Type>;
    });
  }

  async hello(token: string, fields: Partial<RemoteHello> = {}): Promise<void> {
    const { nonce } = await this.take("greeting");
    const worker = fields.worker ?? "w1";
    const base = { type: "hello", protocol: WORKER_PROTOCOL, version: "test", worker, host: "machine", pid: 1, project: "/p" } as const;
    const now = fields.now ?? 1_700_000_000_000;
    const proof = proveToken(token, "worker", nonce, worker);
    this.send({ ...base, slots: 8, processes: 2, running: [], ended: [], nonce: "n", proof, now, ...fields });
  }

  /** Says hello and takes the welcome. */
  async enter(token: string, fields: Partial<RemoteHello> = {}): Promise<Of<"welcome">> {
    await this.hello(token, fields);
    return this.take("welcome");
  }

  beat(now = 1_700_000_000_000): void {
    this.send({ type: "heartbeat", blocked: 0, now });
  }

  succeed(ref: TryRef, value: string, endedAt = 2): void {
    const ends = { startedAt: 1, endedAt, error: null, logBytes: 0, logSeq: 0, outletEvents: [], outbox: [] };
    this.send({ type: "result", ref, outcome: "success", valueBytes: value.length, ...ends }, [Buffer.from(value)]);
  }

  async closed(): Promise<void> {
    await eventually(() => assert.ok(this.isClosed));
  }
}
