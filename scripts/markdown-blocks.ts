import { readFileSync } from "node:fs";

export interface MarkdownBlock {
  /** What follows the opening fence: `sh`, `ts`; empty for plain text. */
  readonly language: string;
  readonly text: string;
  /** 1-based line of its first line. */
  readonly line: number;
}

/** The fenced blocks of a page, in order. */
export function markdownBlocks(file: string): readonly MarkdownBlock[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((match) => ({
    language: match[1]!,
    text: match[2]!,
    line: text.slice(0, match.index).split("\n").length + 1,
  }));
}
