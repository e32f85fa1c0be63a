import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { ProviderLog, TriggerError } from "@millrace/sdk/provider";
import type { Clock } from "../domain/clock.ts";
import { FrameChannel } from "../domain/frame-channel.ts";
import { FrameDecoder } from "../domain/frame-codec.ts";
import type { Frame } from "../domain/frame-codec.ts";
import { SecretMask } from "../domain/secret-mask.ts";
import type { HostFrame, HostHeartbeat, HostServerFrame } from "../domain/trigger-host-frames.ts";
import { readLines } from "../telemetry/read-lines.ts";
import { hostError } from "./host-errors.ts";

export interface HostLimits {
  /** Of JavaScript heap. */
  readonly heapMb: number;
  /** Of the whole process. */
  readonly residentMb: number;
  /** How long the trigger's code may keep the event loop. */
  readonly blockedMs: number;
}

export interface HostProcessOptions {
  /** All that the process's environment holds: the allow-list, no secrets. */
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: HostLimits;
  readonly clock: Clock;
  readonly log: ProviderLog;
  readonly onFrame: (frame: Frame<HostFrame>) => void;
}

const ENTRY = fileURLToPath(new URL(`../worker/trigger-host-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));
const OUT_OF_MEMORY = /heap out of memory|Reached heap limit|allocation failed/i;
const KEPT_LINES = 20;

/** A trigger host, seen from the server. It and what it starts are a process group of their own, and end together. */
export class HostProcess {
  /** What it must not say: filled with the secrets it asked for. */
  readonly mask = new SecretMask();
  /** Resolves when it is gone, after its last frame was read, with what ended it; null where it was told to. */
  readonly ended: Promise<TriggerError | null>;
  readonly #options: HostProcessOptions;
  readonly #process: ChildProcess;
  readonly #channel: FrameChannel<HostServerFrame, HostFrame>;
  readonly #lines: string[] = [];
  #killedFor: TriggerError | null = null;
  #isClosing = false;

  constructor(options: HostProcessOptions) {
    this.#options = options;
    const { limits, environment } = options;
    const flags = [`--max-old-space-size=${limits.heapMb}`, "--enable-source-maps", "--disable-warning=ExperimentalWarning"];
    this.#process = spawn(process.execPath, [...flags, ENTRY], {
      env: environment,
      stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
      detached: process.platform !== "win32",
    });
    const [, stdout, stderr, frames, heartbeats] = this.#process.stdio as unknown as [null, Readable, Readable, Duplex, Duplex];
    this.#channel = new FrameChannel((bytes) => frames.write(bytes));
    this.ended = this.#watchEnd(frames);
    frames.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#watchHeartbeats(heartbeats);
    for (const pipe of [frames, heartbeats, stdout, stderr]) pipe.on("error", () => undefined);
    readLines(stdout, (line) => this.#print("info", line));
    readLines(stderr, (line) => this.#print("warn", line));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(frame: HostServerFrame): void {
    this.#channel.send(frame);
  }

  /** Tells it to stop, and kills it where it has not by the deadline. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    this.send({ type: "close" });
    const cancel = this.#options.clock.after(deadlineMs, () => this.#kill());
    await this.ended;
    cancel();
  }

  #receive(chunk: Buffer): void {
    this.#guard(() => {
      for (const frame of this.#channel.receive(chunk)) this.#options.onFrame(frame);
    });
  }

  /** Any code in the process can write into its pipes. */
  #guard(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.#killFor(hostError("TRIGGER_CRASHED", `the trigger's process wrote what is no frame: ${(error as Error).message}`));
    }
  }

  #watchHeartbeats(pipe: Readable): void {
    const decoder = new FrameDecoder<HostHeartbeat>();
    pipe.on("data", (chunk: Buffer) =>
      this.#guard(() => {
        for (const { header } of decoder.push(chunk)) this.#checkLimits(header);
      }),
    );
  }

  #checkLimits(heartbeat: HostHeartbeat): void {
    const { residentMb, blockedMs } = this.#options.limits;
    if (heartbeat.blockedMs > blockedMs) {
      const message = `its code has kept the event loop for over ${blockedMs} ms: look for an endless loop, and use await for what takes long`;
      this.#killFor(hostError("TRIGGER_BLOCKED", message));
    }
    if (heartbeat.rssBytes > residentMb * 1024 * 1024) this.#killFor(this.#outOfMemory());
  }

  async #watchEnd(frames: Duplex): Promise<TriggerError | null> {
    const exited = new Promise<void>((resolve) => {
      this.#process.once("exit", () => resolve());
      this.#process.once("error", (error) => {
        this.#lines.push(error.message);
        resolve();
      });
    });
    const allRead = new Promise<void>((resolve) => frames.once("close", resolve));
    await exited;
    // What it started is not to stay behind, and would hold the pipes open.
    this.#kill();
    await allRead;
    if (this.#killedFor !== null) return this.#killedFor;
    return this.#isClosing ? null : this.#crash();
  }

  #crash(): TriggerError {
    if (this.#lines.some((line) => OUT_OF_MEMORY.test(line))) return this.#outOfMemory();
    const { exitCode, signalCode } = this.#process;
    const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
    const last = this.#lines.at(-1);
    return hostError("TRIGGER_CRASHED", `the trigger's process ended ${how}${last === undefined ? "" : `; its last line was: ${last}`}`);
  }

  #outOfMemory(): TriggerError {
    const { heapMb, residentMb } = this.#options.limits;
    return hostError("TRIGGER_OUT_OF_MEMORY", `the trigger needed more than ${heapMb} MB of heap, or ${residentMb} MB in all`);
  }

  #killFor(error: TriggerError): void {
    this.#killedFor ??= error;
    this.#kill();
  }

  #kill(): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
    } catch {
      // It is gone, and all that it started.
    }
  }

  #print(level: "info" | "warn", line: string): void {
    const masked = this.mask.apply(line);
    this.#lines.push(masked);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.#options.log[level](masked, { host: this.pid });
  }
}
