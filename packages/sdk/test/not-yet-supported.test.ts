import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "@millrace/sdk";

const a = sdk.defineAsset("a");
/** What is typed already, as an author would write it, without the types' help. */
const loose = sdk as unknown as Record<string, (...values: unknown[]) => unknown>;

function refusal(build: () => unknown): string {
  try {
    build();
  } catch (error) {
    assert.equal((error as { code?: string }).code, "NOT_YET_SUPPORTED");
    return (error as Error).message;
  }
  throw new Error("nothing was refused");
}

const inDag = (make: (dag: Record<string, (...values: unknown[]) => unknown>) => unknown) => () =>
  loose["defineDag"]?.("d", { schedule: a }, make);

test("patterns", () => {
  for (const name of ["batch", "debounce", "absence", "sequence"]) {
    assert.match(
      refusal(() => loose[name]?.(a, {})),
      new RegExp(`\`${name}\``),
    );
  }
  for (const name of ["assetsMatching", "defineAssetDag", "defineAssetsDag"])
    assert.match(
      refusal(() => loose[name]?.(a, {})),
      new RegExp(name),
    );
});

test("kinds of tasks", () => {
  for (const name of ["batched", "map", "branch", "command", "approval", "waitForEvent", "triggerDag", "group"]) {
    assert.match(refusal(inDag((dag) => dag[name]?.("t", {}, () => 1))), new RegExp(`dag\\.${name}`));
  }
});

test("options", () => {
  for (const option of ["key", "order", "maxActive", "maxActivePerKey", "eventTime"]) {
    assert.match(
      refusal(() => loose["each"]?.(a, { [option]: "payload.x" })),
      new RegExp(`'${option}'`),
    );
  }
  for (const option of ["pool", "priority", "maxActive", "teardownOf"]) {
    assert.match(refusal(inDag((dag) => dag["task"]?.("t", { [option]: 1 }, () => 1))), new RegExp(`task 't': option '${option}'`));
  }
  for (const option of ["runTimeout", "whilePaused", "pool", "priority", "maxActive"]) {
    assert.match(
      refusal(() => loose["defineDag"]?.("d", { [option]: 1 }, () => undefined)),
      new RegExp(`dag 'd': option '${option}'`),
    );
  }
  for (const option of ["dedupeKey", "dedupeWithin", "expectedEvery"]) {
    assert.match(
      refusal(() => loose["defineAsset"]?.("b", { [option]: "1s" })),
      new RegExp(`'${option}'`),
    );
  }
  assert.match(refusal(inDag((dag) => dag["task"]?.("t", { triggerRule: "all_done" }, () => 1))), /trigger rule 'all_done'/);
});

test("what cannot be refused at load is not in the context yet", () => {
  assert.equal("failed" in sdk, false);
});
