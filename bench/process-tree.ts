// What processes and everything below them use, from /proc (Linux).
import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuMs: number;
}

function readStat(pid: number): ProcessStat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name is in brackets and may hold anything; what follows it is separated by blanks.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { pid, parent: Number(fields[1]), cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND };
  } catch {
    return null;
  }
}

function trees(roots: readonly number[]): readonly ProcessStat[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);
  const found = all.filter(({ pid }) => roots.includes(pid));
  for (const parent of found) found.push(...all.filter((stat) => stat.parent === parent.pid && !found.includes(stat)));
  return found;
}

/** CPU time used so far, ms. */
export function cpuMs(roots: readonly number[]): number {
  return trees(roots).reduce((sum, stat) => sum + stat.cpuMs, 0);
}

/** Proportional set size: shared pages are divided among those who share them. */
export function pssBytes(roots: readonly number[]): number {
  return trees(roots).reduce((sum, { pid }) => sum + readPss(pid), 0);
}

function readPss(pid: number): number {
  try {
    const line = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
