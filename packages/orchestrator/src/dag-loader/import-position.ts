import { readFileSync } from "node:fs";
import type { Place } from "./import-error.ts";

/** Where a package is imported: the engine's error does not say. Searched in the text of the files, in their order. */
export function positionOfImport(specifier: string, files: readonly string[]): Place | null {
  for (const path of files) {
    const text = readFileSync(path, "utf8");
    const index = firstIndexOf(text, [`"${specifier}"`, `'${specifier}'`, `"${specifier}/`, `'${specifier}/`]);
    if (index !== -1) return { ...positionAt(text, index), stack: "" };
  }
  return null;
}

function firstIndexOf(text: string, candidates: readonly string[]): number {
  const found = candidates.map((candidate) => text.indexOf(candidate)).filter((index) => index !== -1);
  return found.length === 0 ? -1 : Math.min(...found);
}

function positionAt(text: string, index: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, index);
  return { line: before.split("\n").length, column: index - before.lastIndexOf("\n") };
}
