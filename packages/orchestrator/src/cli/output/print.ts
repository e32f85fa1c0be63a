import { styleText } from "node:util";
import Table from "cli-table3";
import { stringify } from "yaml";
import type { OutputFormat } from "./output-format.ts";

/** Prints the server's own JSON, or what `people` makes of it. */
export function print(format: OutputFormat, value: unknown, people: () => string): void {
  const text = format === "json" ? JSON.stringify(value, null, 2) : format === "yaml" ? stringify(value).trimEnd() : people();
  process.stdout.write(`${text}\n`);
}

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
}

const NO_BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/** `none` is what to say instead of an empty table. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], none: string): string {
  if (rows.length === 0) return none;
  const style = { "padding-left": 0, "padding-right": 0, head: [], border: [] };
  const table = new Table({ head: columns.map(({ title }) => bold(title)), chars: NO_BORDERS, style });
  for (const row of rows) table.push(columns.map(({ cell }) => cell(row)));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** `name  value` lines with the values under each other; entries without a value are left out. */
export function formatFields(fields: readonly (readonly [name: string, value: string | null])[]): string {
  const shown = fields.filter(([, value]) => value !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${bold(name.padEnd(width))}  ${value}`).join("\n");
}

export function bold(text: string): string {
  return styleText("bold", text, { stream: process.stdout });
}

const STATE_COLORS = {
  success: "green",
  failed: "red",
  upstream_failed: "red",
  running: "cyan",
  queued: "gray",
  scheduled: "gray",
  skipped: "magenta",
  up_for_retry: "yellow",
} as const;

export function colorState(state: string | null): string {
  const name = state ?? "none";
  const color = (STATE_COLORS as Readonly<Record<string, (typeof STATE_COLORS)[keyof typeof STATE_COLORS] | undefined>>)[name];
  return color === undefined ? name : styleText(color, name, { stream: process.stdout });
}
