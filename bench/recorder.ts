import { appendFileSync, existsSync, readFileSync } from "node:fs";

/**
 * What tasks and the plain consumer write: a line `n sent-at started-at` for each start, gathered in memory and
 * appended every 100 ms, so that measuring costs next to nothing.
 */
export interface Start {
  readonly n: number;
  readonly sentAt: number;
  readonly startedAt: number;
}

export function readStarts(file: string): readonly Start[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter(Boolean).map((line) => {
    const [n, sentAt, startedAt] = line.split(" ").map(Number);
    return { n: n!, sentAt: sentAt!, startedAt: startedAt! };
  });
}

export function countStarts(file: string): number {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
}

const waiting: string[] = [];
let timer: NodeJS.Timeout | null = null;

export function recordStart(file: string, n: number, sentAt: number): void {
  waiting.push(`${n} ${sentAt} ${performance.timeOrigin + performance.now()}\n`);
  timer ??= setTimeout(() => {
    timer = null;
    appendFileSync(file, waiting.splice(0).join(""));
  }, 100);
}
