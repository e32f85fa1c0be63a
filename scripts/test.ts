// Runs every *.test.ts with Node's own runner and closes with one line: `N passed, N failed`.
// `npm test -- PATTERN …` runs the files whose path contains one of the patterns; without one, those that take long are left to CI.
import { globSync } from "node:fs";
import { matchesGlob } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

/** Longer than any single test. A file whose tests are done and that does not end is not timed out by the runner. */
const STALL_MS = 300_000;

/** They start many servers and commands: together they take as long as all the others. */
const LONG = [
  "bench/*",
  "examples/{data-delivery,genai,inference,own-trigger}/*",
  "packages/orchestrator/test/{chaos,cli-connections,many-processes,database-commands,dead-letters,faults-broker,faults-network,faults-postgres*,kill-patterns,remote-worker-{cluster,drain,kill,network},standalone-connections,standalone-pause}.test.ts",
  "scripts/{concepts,connections,many-processes,operations,postgresql,pattern,remote-workers,trigger}-guide*",
  "scripts/{demo/demo,pack/project}.test.ts",
];

const patterns = process.argv.slice(2);
const isWhole = Boolean(process.env["CI"]) || patterns.length > 0;
const found = globSync("{packages,examples,scripts,bench}/**/*.test.ts", { exclude: (path) => path.includes("node_modules") }).sort();
const long = found.filter((file) => !isWhole && LONG.some((glob) => matchesGlob(file, glob)));
const files = found.filter((file) => !long.includes(file) && (patterns.length === 0 || patterns.some((pattern) => file.includes(pattern))));

const counts = { passed: 0, failed: 0, skipped: 0 };
const stalled = new AbortController();
const stream = run({ files, concurrency: process.env["CI"] ? 2 : 4, timeout: STALL_MS, signal: stalled.signal });
let watchdog: NodeJS.Timeout | undefined;
stream.on("data", () => {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => stalled.abort(new Error(`no test began or ended for ${STALL_MS / 60_000} minutes`)), STALL_MS).unref();
});
stream.on("test:pass", (event) => {
  if (event.details.type === "suite") return;
  counts[event.skip === undefined ? "passed" : "skipped"] += 1;
});
stream.on("test:fail", (event) => {
  if (event.details.type !== "suite") counts.failed += 1;
});
stream.compose(new spec()).pipe(process.stdout);
stream.on("end", () => {
  setImmediate(() => {
    if (long.length > 0) console.log(`\nleft to CI, since they take long (CI=1 npm test runs all): ${long.join(" ")}`);
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
    console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
    process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
  });
});
