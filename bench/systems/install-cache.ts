import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * A folder outside the checkout that is filled once, on first use, and kept: what others are measured with is too big for everyone's
 * `npm ci`. Filled beside its final place and renamed, so that a half-filled folder is never taken for an install.
 */
export function installOnce(name: string, size: string, fill: (folder: string) => void): string {
  const folder = installedAt(name);
  if (existsSync(folder)) return folder;
  console.log(`installing ${name} (${size}) into ${folder}, once`);
  const part = `${folder}.${process.pid}.part`;
  mkdirSync(part, { recursive: true });
  try {
    fill(part);
    renameSync(part, folder);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return folder;
}

function installedAt(name: string): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "millrace", name);
}
