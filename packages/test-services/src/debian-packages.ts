import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** CI's fresh machines lack what the tests need; elsewhere nothing is installed unasked, and nothing happens. */
export function installDebianPackagesOnCi(...names: readonly string[]): void {
  if (!process.env["CI"] || process.getuid?.() !== 0 || !hasCommand("apt-get")) return;
  const options = { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } } as const;
  const aptGet = (...args: readonly string[]): void => void execFileSync("apt-get", ["-o", "DPkg::Lock::Timeout=300", ...args], options);
  aptGet("update");
  aptGet("install", "-y", "--no-install-recommends", ...names);
}

export function hasCommand(name: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((dir) => dir !== "" && existsSync(join(dir, name)));
}
