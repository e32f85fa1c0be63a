import type { Check } from "./scenario.ts";
import type { Terminal } from "./terminal.ts";

const SHOWN_PROBLEMS = 5;

/** `delays`: sorted ms from sending to the start of a task. */
export function showSummary(
  figures: readonly (readonly [string, number])[],
  delays: readonly number[],
  checks: readonly Check[],
  terminal: Terminal,
): void {
  const startDelay = `p50 ${quantile(delays, 0.5)} ms, p99 ${quantile(delays, 0.99)} ms`;
  terminal.line();
  for (const [name, value] of [...figures, ["send → task start", startDelay] as const]) {
    terminal.line(`${name.padEnd(18)} ${terminal.paint("bold", String(value))}`);
  }
  terminal.line();
  for (const check of checks) showCheck(check, terminal);
}

function showCheck({ promise, wrong }: Check, terminal: Terminal): void {
  const mark = wrong.length === 0 ? terminal.paint("green", "ok   ") : terminal.paint("red", "wrong");
  terminal.line(`${mark} ${promise}`);
  for (const sentence of wrong.slice(0, SHOWN_PROBLEMS)) terminal.line(`      ${sentence}`);
  if (wrong.length > SHOWN_PROBLEMS) terminal.line(`      and ${wrong.length - SHOWN_PROBLEMS} more`);
}

function quantile(sorted: readonly number[], share: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return value === undefined ? "–" : value.toFixed(1);
}
