import { strict as assert } from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";

const KEPT = /^(HOME|TMPDIR|LANG|NODE_EXTRA_CA_CERTS|https?_proxy|no_proxy|npm_config_(registry|cache|userconfig))$/i;

/** A shell as a user has it: the Node that runs the tests, npm, and nothing of this repository. */
export class UserShell {
  readonly environment: Readonly<Record<string, string>>;

  /** `folder` gets a `bin`. */
  constructor(folder: string, environment: Readonly<Record<string, string>> = {}) {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, "node"));
    const kept = Object.entries(process.env).filter((entry): entry is [string, string] => KEPT.test(entry[0]) && entry[1] !== undefined);
    const path = (process.env["PATH"] ?? "").split(delimiter).filter((place) => !place.includes("node_modules"));
    this.environment = { ...Object.fromEntries(kept), ...environment, PATH: [bin, ...path].join(delimiter) };
  }

  /** What it says on standard output. @throws {AssertionError} where it fails */
  run(script: string, cwd: string): string {
    const { status, output, stdout } = this.try(script, cwd);
    assert.equal(status, 0, `${script}\n${output}`);
    return stdout;
  }

  try(script: string, cwd: string): { readonly status: number | null; readonly stdout: string; readonly output: string } {
    const { status, stdout, stderr } = spawnSync("sh", ["-euc", script], { cwd, env: this.environment, encoding: "utf8" });
    return { status, stdout, output: stdout + stderr };
  }

  /** In the background until the test ends: SIGTERM for all of its processes, since npm starts more of them. */
  start(t: TestContext, script: string, cwd: string): { readonly output: () => string } {
    const child = spawn("sh", ["-euc", script], { cwd, env: this.environment, detached: true });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    const closed = new Promise((resolve) => child.once("close", resolve));
    t.after(async () => {
      if (child.exitCode === null) process.kill(-child.pid!, "SIGTERM");
      await closed;
    });
    return { output: () => output };
  }
}
