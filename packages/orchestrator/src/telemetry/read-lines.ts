import type { Readable } from "node:stream";

/** A longer line comes in pieces: a task that writes without end must not fill the server's memory. */
const MAX_LINE = 16 * 1024;

/** What a child process writes, line by line. */
export function readLines(input: Readable, onLine: (line: string) => void): void {
  let rest = "";
  input.setEncoding("utf8");
  input.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) inPieces(line, onLine);
    if (rest.length > MAX_LINE) {
      inPieces(rest, onLine);
      rest = "";
    }
  });
  input.on("end", () => {
    if (rest !== "") inPieces(rest, onLine);
  });
}

function inPieces(line: string, onLine: (line: string) => void): void {
  for (let at = 0; at < line.length; at += MAX_LINE) onLine(line.slice(at, at + MAX_LINE));
}
