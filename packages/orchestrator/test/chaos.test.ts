// A short run of `npm run chaos` on each database; the long ones are started by hand.
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { skipWithout } from "@millrace/test-services";

const MAIN = fileURLToPath(new URL("../../../chaos/main.ts", import.meta.url));

async function runChaos(db: "sqlite" | "postgres"): Promise<{ readonly code: number | null; readonly out: string }> {
  const child = spawn(process.execPath, [MAIN, "--minutes", "0.5", "--rate", "40", "--db", db], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk) => (out += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out };
}

for (const db of ["sqlite", "postgres"] as const) {
  const skip = skipWithout("kafka") || (db === "postgres" && skipWithout("postgres"));
  test(`${db}: brokers, database and processes are killed at random; nothing is lost, doubled or stuck`, { skip }, async () => {
    const { code, out } = await runChaos(db);
    assert.equal(code, 0, out);
    assert.match(out, /runs stuck: 0/);
  });
}
