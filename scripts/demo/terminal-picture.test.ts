import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { drawTerminal } from "./terminal-picture.ts";
import { Terminal } from "./terminal.ts";

const PICTURE = join(import.meta.dirname, "../../docs/images/demo.svg");

/** Every text of a picture: its column, its row's place, its colour, itself. */
function textsOf(svg: string): readonly (readonly [number, number, string, string])[] {
  const found = svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+" fill="(#\w+)"[^>]*>([^<]*)<\/text>/g);
  return [...found].map(([, x, y, fill, text]) => [(Number(x) - 16) / 7.8, Number(y), fill!, text!]);
}

test("a picture of a terminal has its colours, its columns, and its long lines in two", () => {
  const terminal = new Terminal(process.stdout, { FORCE_COLOR: "1" });
  const line = `${terminal.paint("dim", "12:00")}  ${terminal.paint("red", "a < b & c".padEnd(10))} 0123456789`;
  const texts = textsOf(drawTerminal(`${line}\nplain`, { title: "t", columns: 24 }));
  const rows = [...new Set(texts.map(([, y]) => y))];
  assert.equal(rows.length, 3);
  assert.deepEqual(
    texts.map(([column, y, , text]) => [Math.round(column), rows.indexOf(y), text]),
    [
      [0, 0, "12:00"],
      [7, 0, "a &lt; b &amp; c"],
      [18, 0, "012345"],
      [0, 1, "6789"],
      [0, 2, "plain"],
    ],
  );
  const [dim, red, , , plain] = texts.map(([, , fill]) => fill);
  assert.equal(new Set([dim, red, plain]).size, 3);
});

test("the README's picture shows what the demo's legend names", () => {
  const words = textsOf(readFileSync(PICTURE, "utf8")).map(([, , , text]) => text);
  for (const word of ["message", "event", "filtered", "run", "alert", "reply", "dead letter"]) assert.ok(words.includes(word), word);
});
