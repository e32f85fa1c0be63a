import { spawnSync } from "node:child_process";

/** Why nothing can be installed from npm's registry here; null where it answers. */
export function whyNoNpmRegistry(): string | null {
  const { status } = spawnSync("npm", ["ping", "--fetch-retries=0", "--fetch-timeout=10000"], { stdio: "ignore" });
  return status === 0 ? null : "npm's registry does not answer: check `npm ping`";
}
