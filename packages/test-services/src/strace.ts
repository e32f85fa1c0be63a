import { spawn } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasCommand, installDebianPackagesOnCi } from "./debian-packages.ts";

/** Why no system calls can be traced here, and what to do; null where they can. */
export function whyNoStrace(): string | null {
  return hasCommand("strace") ? null : "strace is not installed: `apt-get install strace`";
}

export interface SystemCall {
  readonly name: string;
  /** When it began, seconds since 1970. */
  readonly at: number;
  /** Of the file that it works on; `socket:[…]` for a socket. */
  readonly path: string;
  /** What is written or sent. */
  readonly data: Buffer;
}

const CALLS = "fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg";
const OPTIONS = ["-f", "-ttt", "-y", "-xx", "-s", "65536", "-e", `trace=${CALLS}`, "-e", "signal=none"];

/** Calls of a process and its threads that write, send and sync, in the order in which they ended; what its children do is told too. */
export class Strace {
  readonly #file: string;
  /** A command that runs Node, traced: the process itself is not strace's child, signals reach it. */
  readonly node: string;

  constructor(folder: string) {
    if (whyNoStrace() !== null) installDebianPackagesOnCi("strace");
    this.#file = join(folder, "trace.txt");
    this.node = join(folder, "traced-node");
    const options = OPTIONS.join(" ");
    writeFileSync(this.node, `#!/bin/sh\nexec strace -D ${options} -o '${this.#file}' '${process.execPath}' "$@"\n`);
    chmodSync(this.node, 0o755);
  }

  /** From now on also what a process that runs already does, with all that it starts. Resolves once it is traced; gives what ends that. */
  async attach(pid: number): Promise<() => Promise<void>> {
    const child = spawn("strace", [...OPTIONS, "-o", this.#file, "-p", String(pid)], { stdio: ["ignore", "ignore", "pipe"] });
    await new Promise<void>((resolve, reject) => {
      child.stderr.on("data", (chunk) => /attached/.test(String(chunk)) && resolve());
      child.once("exit", (code) => reject(new Error(`strace ended with ${code}`)));
    });
    return async () => {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGINT");
      await exited;
    };
  }

  read(): readonly SystemCall[] {
    const begun = new Map<string, string>();
    return readFileSync(this.#file, "latin1")
      .split("\n")
      .flatMap((line) => {
        const [, thread, at, text] = /^(\d+) +(\d+\.\d+) (.*)$/.exec(line) ?? [];
        if (thread === undefined || text === undefined) return [];
        // A call during which another thread makes its own takes two lines.
        if (text.endsWith("<unfinished ...>")) begun.set(thread, text.slice(0, -"<unfinished ...>".length));
        if (text.endsWith("<unfinished ...>")) return [];
        const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
        return parseCall(resumed === null ? text : (begun.get(thread) ?? "") + resumed[1]!, Number(at));
      });
  }
}

/** As in `write(1<\x2f\x74>, "\x68\x65", 2) = 2`. */
function parseCall(text: string, at: number): SystemCall[] {
  const { name, path, rest } = /^(?<name>\w+)\(\d+<(?<path>[^>]*)>(?<rest>.*)$/.exec(text)?.groups ?? {};
  if (name === undefined || path === undefined || rest === undefined) return [];
  const texts = [...rest.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => fromHex(hex!));
  return [{ name, at, path: fromHex(path).toString(), data: Buffer.concat(texts) }];
}

function fromHex(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll("\\x", ""), "hex");
}
