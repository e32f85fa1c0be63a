import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = join(import.meta.dirname, "mistakes");
const compiler = join(fileURLToPath(import.meta.resolve("typescript/package.json")), "../bin/tsc");

async function compilerSays(): Promise<string> {
  const options = [compiler, "--noEmit", "--pretty", "false", "-p", join(folder, "tsconfig.json")];
  return new Promise((resolve) => execFile(process.execPath, options, { cwd: folder }, (_error, stdout) => resolve(stdout)));
}

test("the compiler says of each mistake what messages.txt says", async () => {
  const said = await compilerSays();
  const expected = await readFile(join(folder, "messages.txt"), "utf8");
  assert.equal(
    said,
    expected,
    "where the new text is as good: cd packages/sdk/test/mistakes && tsc --noEmit --pretty false > messages.txt",
  );
});

test("every mistake is noticed", async () => {
  const lines = (await readFile(join(folder, "mistakes.ts"), "utf8")).split("\n");
  const messages = await readFile(join(folder, "messages.txt"), "utf8");
  const noticed = new Set([...messages.matchAll(/^mistakes\.ts\((\d+),/gm)].map(([, line]) => Number(line)));
  const starts = lines.flatMap((line, index) => (/^\/\/ m\d+ /.test(line) ? [index + 1] : []));
  assert.ok(starts.length > 50);
  for (const [index, start] of starts.entries()) {
    const end = starts[index + 1] ?? lines.length + 1;
    const isNoticed = [...noticed].some((line) => line > start && line < end);
    assert.ok(isNoticed, `the compiler says nothing to ${lines[start - 1]}`);
  }
});
