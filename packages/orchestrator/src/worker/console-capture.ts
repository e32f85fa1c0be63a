import { format } from "node:util";
import { currentTry } from "./current-try.ts";
import type { LogLevel } from "./task-log.ts";

const LEVELS = { debug: "debug", log: "info", info: "info", warn: "warn", error: "error", trace: "debug" } as const satisfies Record<
  string,
  LogLevel
>;

/** `console.*` in a task goes to its own log; outside of one, to the server's. */
export function captureConsole(): void {
  for (const [method, level] of Object.entries(LEVELS) as [keyof typeof LEVELS, LogLevel][]) {
    const original = console[method].bind(console);
    console[method] = (...parts: unknown[]) => {
      const log = currentTry.getStore()?.log;
      if (log === undefined) original(...parts);
      else log.add(level, format(...parts), undefined, level === "error" || level === "warn" ? "stderr" : "stdout");
    };
  }
}
