import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock } from "../../test/manual-clock.ts";
import { Lockfiles } from "./lockfile.ts";

test("a project's packages are told by the nearest lockfile, which is looked at again after a while", (t) => {
  const root = mkdtempSync(join(tmpdir(), "millrace-lockfile-"));
  t.after(() => rmSync(root, { recursive: true }));
  const dags = join(root, "project/dags");
  mkdirSync(dags, { recursive: true });
  const clock = new ManualClock();
  const lockfiles = new Lockfiles(clock);
  const look = (): string | null => lockfiles.ofFile(join(dags, "d.ts"));
  const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");
  const write = (path: string): void => writeFileSync(join(root, path), path);
  assert.equal(look(), null);
  write("yarn.lock");
  assert.equal(look(), null, "not yet");
  clock.advance(2_000);
  assert.equal(look(), hashOf("yarn.lock"), "of a folder above");
  for (const path of ["project/bun.lock", "project/yarn.lock", "project/pnpm-lock.yaml", "project/package-lock.json"]) {
    write(path);
    clock.advance(2_000);
    assert.equal(look(), hashOf(path));
  }
  rmSync(join(root, "project/package-lock.json"));
  clock.advance(2_000);
  assert.equal(look(), hashOf("project/pnpm-lock.yaml"));
});
