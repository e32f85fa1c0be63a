const COLOURS = { dim: [2, 22], bold: [1, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39], cyan: [36, 39] } as const;
export type Colour = keyof typeof COLOURS;

const BAR_WIDTH = 24;
const CLEAR_LINE = "\r\u001B[2K";

/** Where the demo writes: colours and a progress bar on a terminal, plain lines anywhere else. */
export class Terminal {
  readonly #out: NodeJS.WriteStream;
  readonly #hasColours: boolean;
  #hasBar = false;

  constructor(out: NodeJS.WriteStream, environment: NodeJS.ProcessEnv) {
    this.#out = out;
    const isTerminal = out.isTTY === true && environment["TERM"] !== "dumb";
    this.#hasColours = (environment["NO_COLOR"] ?? "") === "" && (isTerminal || environment["FORCE_COLOR"] === "1");
  }

  paint(colour: Colour, text: string): string {
    if (!this.#hasColours) return text;
    const [on, off] = COLOURS[colour];
    return `\u001B[${on}m${text}\u001B[${off}m`;
  }

  line(text = ""): void {
    this.#out.write(`${this.#hasBar ? CLEAR_LINE : ""}${text}\n`);
    this.#hasBar = false;
  }

  /** Replaces the last one; nothing where there is no terminal. The next line takes its place. */
  progress(done: number, total: number, text: string): void {
    if (this.#out.isTTY !== true) return;
    const filled = Math.round(BAR_WIDTH * Math.min(1, total === 0 ? 1 : done / total));
    const bar = this.paint("cyan", "━".repeat(filled)) + this.paint("dim", "─".repeat(BAR_WIDTH - filled));
    this.#out.write(`${CLEAR_LINE}${bar} ${text}`);
    this.#hasBar = true;
  }
}
