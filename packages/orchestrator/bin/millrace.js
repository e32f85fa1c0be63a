#!/usr/bin/env node
// Plain JavaScript that any Node can read: it finds the Node this project pins before loading TypeScript.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { useCompileCache } from "./compile-cache.js";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isSupported = major === 24 && minor >= 6;

function findPinnedNode() {
  const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
  const name = process.platform === "win32" ? "node.exe" : "node";
  const path = join(root, "node_modules/.bin", name);
  return existsSync(path) ? path : undefined;
}

function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  // A terminal sends Ctrl-C to the whole group, so the child has it already: a second one would end it at once.
  const isInTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => (signal !== "SIGINT" || !isInTerminal) && child.kill(signal));
  }
  child.on("exit", (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}

if (isSupported || (major > 24 && findPinnedNode() === undefined)) {
  useCompileCache();
  await import("../src/cli/main.ts");
} else {
  const pinned = findPinnedNode();
  if (pinned === undefined) {
    console.error(`millrace needs Node 24.6 or newer, this is ${process.versions.node}: install Node 24 and try again`);
    process.exit(1);
  }
  runWith(pinned);
}
