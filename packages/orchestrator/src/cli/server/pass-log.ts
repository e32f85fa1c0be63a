import type { LoadPass } from "../../domain/dag-folder.ts";
import type { Log } from "../../domain/log.ts";

interface Line {
  readonly level: "error" | "warn";
  readonly text: string;
  readonly fields: object;
}

/** Tells what is wrong with the DAG files: each thing when it is first seen, not again at every saved file. */
export class PassLog {
  readonly #log: Log;
  #told: ReadonlySet<string> = new Set();

  constructor(log: Log) {
    this.#log = log;
  }

  write(pass: LoadPass): void {
    const lines = linesOf(pass);
    for (const { level, text, fields } of lines) if (!this.#told.has(text)) this.#log[level](text, fields);
    this.#told = new Set(lines.map(({ text }) => text));
    const dags = pass.files.reduce((count, file) => count + file.dags.length, 0);
    this.#log.info("the DAG files were loaded", { dags, files: pass.files.length, errors: pass.errors.length });
  }
}

function linesOf({ files, errors }: LoadPass): readonly Line[] {
  return [
    ...errors.map(({ file, line, code, message, hint }): Line => {
      const place = line === null ? file : `${file}:${line}`;
      return { level: "error", text: `${place}: ${code}: ${message}`, fields: { hint } };
    }),
    ...files.flatMap(({ file, warnings }) => warnings.map((warning): Line => ({ level: "warn", text: `${file}: ${warning}`, fields: {} }))),
  ];
}
