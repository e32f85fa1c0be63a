// `npm run picture`: makes docs/images/demo.svg of what a run of the demo prints.
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { drawTerminal } from "./terminal-picture.ts";

const FILE = join(import.meta.dirname, "../../docs/images/demo.svg");
const COLUMNS = 122;
const ROWS = 32;
/** What the picture is to show: a line of each word of the legend, and something of each of the three patterns. */
const KINDS = [/^\S+ +message /, /filtered /, /sales-\d+\.csv.* starts run/, /^\S+ +alert /, /^\S+ +reply .* is /, /dead letter /];
/** The last line before the first message. */
const LEGEND_END = /^Ctrl-C stops it/;
/** What the legend says of this run alone: an address, and a token. */
const OF_THIS_RUN = /^The API is at|^ {2}curl|^Ctrl-C/;

function rowsOf(lines: readonly string[]): number {
  const lengths = lines.map((line) => stripVTControlCharacters(line).length);
  return lengths.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / COLUMNS)), 0);
}

/** The newest lines that have room. */
function newestOf(lines: readonly string[]): readonly string[] {
  let first = lines.length;
  while (first > 0 && rowsOf(lines.slice(first - 1)) <= ROWS) first -= 1;
  return lines.slice(first);
}

/** What the demo prints: its legend, and the first stretch of lines that has every kind. */
async function watchDemo(): Promise<string> {
  const demo = spawn(process.execPath, [join(import.meta.dirname, "main.ts")], {
    env: { ...process.env, FORCE_COLOR: "1", NO_COLOR: "" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const legend: string[] = [];
  const lines: string[] = [];
  let isLegend = true;
  for await (const line of createInterface(demo.stdout)) {
    if (isLegend) {
      isLegend = !LEGEND_END.test(line);
      if (!OF_THIS_RUN.test(line)) legend.push(line);
      continue;
    }
    lines.push(line);
    const newest = newestOf(lines);
    if (!KINDS.every((kind) => newest.some((shown) => kind.test(stripVTControlCharacters(shown))))) continue;
    demo.kill("SIGINT");
    return [...legend.join("\n").trimEnd().split("\n"), "", ...newest].join("\n");
  }
  throw new Error("the demo ended before it had shown every kind of line: see what it printed");
}

const text = await watchDemo();
mkdirSync(dirname(FILE), { recursive: true });
writeFileSync(FILE, drawTerminal(text, { title: "npm start", columns: COLUMNS }));
console.log(`wrote ${FILE}`);
