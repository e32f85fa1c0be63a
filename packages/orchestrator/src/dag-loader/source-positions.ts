import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";
import { NOWHERE, type Place } from "./import-error.ts";

/** What follows the bundle's URL in a line of a stack: a query, the line and perhaps the column. */
const AFTER_URL = /^(?:\?[^:\s]*)?:(\d+)(?::(\d+))?/;

export interface SourcePosition {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** Translates positions in a bundle to those in the files that it was made of. */
export class SourcePositions {
  readonly #bundleUrl: string;
  readonly #map: SourceMap;

  constructor(bundleUrl: string, map: SourceMapPayload) {
    this.#bundleUrl = bundleUrl;
    this.#map = new SourceMap(map);
  }

  /** The frames of a stack that lie in the author's files, the innermost first. */
  frames(stack: string): readonly SourcePosition[] {
    return stack.split("\n").flatMap((line) => this.#inLine(line) ?? []);
  }

  /** Where to point for a stack, with the stack as far as it is the author's own. */
  place(stack: string): Place {
    const [first] = this.frames(stack);
    if (first === undefined) return NOWHERE;
    const own = stack.split("\n").flatMap((line) => {
      const position = this.#inLine(line);
      if (position === null) return [];
      const name = /^\s*at (?:async )?(\S.*?) \(/.exec(line)?.[1];
      const where = `${position.path}:${position.line}:${position.column}`;
      return [name === undefined ? `    at ${where}` : `    at ${name} (${where})`];
    });
    return { line: first.line, column: first.column, stack: own.join("\n") };
  }

  #inLine(line: string): SourcePosition | null {
    const start = line.indexOf(this.#bundleUrl);
    if (start === -1) return null;
    const match = AFTER_URL.exec(line.slice(start + this.#bundleUrl.length));
    if (match === null) return null;
    const entry = this.#map.findEntry(Number(match[1]) - 1, Number(match[2] ?? 1) - 1);
    if (!("originalSource" in entry)) return null;
    const path = fileURLToPath(new URL(entry.originalSource, this.#bundleUrl));
    return { path, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
  }
}
