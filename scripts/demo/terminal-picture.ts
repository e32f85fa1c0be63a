/** What a terminal of this width shows, as an SVG image: `text` with the colours that Terminal writes. */
export function drawTerminal(text: string, { title, columns }: { readonly title: string; readonly columns: number }): string {
  const rows = text.split("\n").flatMap((line) => wrap(parseLine(line), columns));
  const [width, height] = [Math.ceil(columns * CHAR_WIDTH) + 2 * MARGIN, rows.length * LINE_HEIGHT + BAR_HEIGHT + 2 * MARGIN];
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (fill, n) => `<circle cx="${20 + n * 20}" cy="${BAR_HEIGHT / 2}" r="6" fill="${fill}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="10" fill="#0d1117"/>`,
    ...dots,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT_SIZE}" xml:space="preserve">`,
    `<text x="${width / 2}" y="${BAR_HEIGHT / 2 + FONT_SIZE / 3}" fill="#8b949e" text-anchor="middle">${escape(title)}</text>`,
    ...rows.flatMap((row, at) => drawRow(row, BAR_HEIGHT + MARGIN + at * LINE_HEIGHT + FONT_SIZE)),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** Text of one colour. `style` is the SGR code that began it; 0 for none. */
interface Piece {
  readonly text: string;
  readonly style: number;
}

const FONT_SIZE = 13;
const CHAR_WIDTH = 7.8;
const LINE_HEIGHT = 18;
const BAR_HEIGHT = 36;
const MARGIN = 16;

const FILLS: ReadonlyMap<number, string> = new Map([
  [2, "#7d8590"],
  [31, "#ff7b72"],
  [32, "#56d364"],
  [33, "#e3b341"],
  [34, "#79c0ff"],
  [36, "#56d4dd"],
]);
const PLAIN_FILL = "#e6edf3";
const BOLD = 1;

function parseLine(line: string): readonly Piece[] {
  const [first = "", ...coloured] = line.split("\u001B[");
  const pieces = coloured.map((part): Piece => {
    const [code = "", text = ""] = part.split(/(?<=^\d+)m/);
    const style = Number(code);
    return { text, style: FILLS.has(style) || style === BOLD ? style : 0 };
  });
  return [{ text: first, style: 0 }, ...pieces].filter(({ text }) => text !== "");
}

/** As a terminal does: in the middle of a word. */
function wrap(pieces: readonly Piece[], columns: number): readonly (readonly Piece[])[] {
  const rows: Piece[][] = [[]];
  let room = columns;
  for (const { text, style } of pieces) {
    for (let at = 0; at < text.length;) {
      if (room === 0) {
        rows.push([]);
        room = columns;
      }
      const taken = text.slice(at, at + room);
      rows.at(-1)!.push({ text: taken, style });
      room -= taken.length;
      at += taken.length;
    }
  }
  return rows;
}

/** Each piece has its place and length, so that columns stay columns in any font. */
function drawRow(row: readonly Piece[], y: number): readonly string[] {
  let column = 0;
  return row.flatMap(({ text, style }) => {
    const start = column + text.length - text.trimStart().length;
    const shown = text.trim();
    column += text.length;
    if (shown === "") return [];
    const weight = style === BOLD ? ` font-weight="bold"` : "";
    const place = `x="${round(MARGIN + start * CHAR_WIDTH)}" y="${y}" textLength="${round(shown.length * CHAR_WIDTH)}"`;
    return [`<text ${place} fill="${FILLS.get(style) ?? PLAIN_FILL}"${weight}>${escape(shown)}</text>`];
  });
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
