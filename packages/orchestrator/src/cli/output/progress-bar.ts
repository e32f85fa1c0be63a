const WIDTH = 24;

/** On standard error, where that is a terminal: redrawn in place, and gone once it is done. */
export class ProgressBar {
  readonly #isShown = process.stderr.isTTY === true;

  show(done: number, total: number, note: string): void {
    if (!this.#isShown) return;
    const part = total === 0 ? 1 : Math.min(1, done / total);
    const bar = "█".repeat(Math.round(part * WIDTH)).padEnd(WIDTH, "░");
    process.stderr.write(`\r\u001B[K${bar} ${Math.floor(part * 100)} %  ${note}`);
  }

  clear(): void {
    if (this.#isShown) process.stderr.write("\r\u001B[K");
  }
}
