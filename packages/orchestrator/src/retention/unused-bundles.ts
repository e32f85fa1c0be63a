import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** One that was written or used since may belong to a version that is about to be stored. */
const MIN_AGE_MS = 86_400_000;

/** Deletes the bundles of versions that are gone, and what a crash left half written; gives how many. */
export async function deleteUnusedBundles(folder: string, used: ReadonlySet<string>, now: number, isDryRun: boolean): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  let deleted = 0;
  for (const name of names) {
    if (!/^[0-9a-f]{64}\.mjs/.test(name) || used.has(name.replace(/\.mjs$/, ""))) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found === null || found.mtimeMs > now - MIN_AGE_MS) continue;
    if (!isDryRun) await rm(path, { force: true });
    deleted += 1;
  }
  return deleted;
}
