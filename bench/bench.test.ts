// Each benchmark that docs/performance.md names runs to its end, on small numbers: what it measures is not looked at.
import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { skipWithout } from "@millrace/test-services";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { scripts: Record<string, string> };

const SMALL: Readonly<Record<string, { readonly args: string; readonly says: RegExp }>> = {
  bench: {
    args: "--systems plain,millrace --rates 50 --seconds 1 --burst 500 --only latency,burst",
    says: /Side by side\n.+\np50 ms at 50\/s +\d/,
  },
  "bench:history": { args: "--runs 2000 --rounds 1 --burst 200 --rate 50 --seconds 1", says: /with history \/ empty, CPU: \d/ },
  "bench:firehose": { args: "--minutes 0.05 --rate 1000 --one-in 100", says: /3000 messages, 30 runs, p50 .+ every other one is counted/ },
  "bench:profile": { args: "--rates 100 --seconds 1 --burst 500", says: /burst of 500: .+ of the main thread/ },
  "bench:purge": { args: "--runs 2000 --rate 50 --seconds 1", says: /purged 2000 runs/ },
};

test("docs/performance.md names every benchmark, and no other", () => {
  const text = readFileSync(`${ROOT}docs/performance.md`, "utf8");
  const named = new Set([...text.matchAll(/npm run (bench[:\w]*)/g)].map(([, name]) => name));
  const known = new Set(Object.keys(scripts).filter((name) => name.startsWith("bench")));
  assert.deepEqual(named, known);
  assert.deepEqual(new Set(Object.keys(SMALL)), known);
});

for (const [name, { args, says }] of Object.entries(SMALL)) {
  test(`npm run ${name}`, { skip: skipWithout("kafka") }, async () => {
    const file = scripts[name]!.replace(/^node /, "");
    // Whether the ratio of a tiny history is within its bound is noise.
    const { stdout } = await run(process.execPath, [file, ...args.split(" ")], { cwd: ROOT }).catch(
      (error: { stdout: string; code: number }) =>
        name === "bench:history" && error.code === 1 && says.test(error.stdout) ? error : Promise.reject(error),
    );
    assert.match(stdout, says);
  });
}
