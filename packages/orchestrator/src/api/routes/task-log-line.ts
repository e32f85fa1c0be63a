/** A line as Airflow's API gives it: `timestamp`, `event`, and further fields beside them. */
export interface LogLine {
  readonly timestamp: string;
  readonly event: string;
  readonly level: string;
  readonly [field: string]: unknown;
}

interface StoredLine {
  readonly t: number;
  readonly level: string;
  readonly msg: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly stream?: string;
}

export function readLogLines(chunk: Uint8Array): readonly LogLine[] {
  return Buffer.from(chunk)
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map(readLine);
}

function readLine(text: string): LogLine {
  try {
    const { t, level, msg, fields, stream } = JSON.parse(text) as StoredLine;
    return { ...fields, ...(stream === undefined ? {} : { stream }), timestamp: new Date(t).toISOString(), event: msg, level };
  } catch {
    // A line cut off by a crash is still worth showing.
    return { timestamp: new Date(0).toISOString(), event: text, level: "info" };
  }
}

/** `2026-11-21T10:00:00.000Z INFO  scored {"score":0.9}` */
export function toTextLine({ timestamp, event, level, ...fields }: LogLine): string {
  const rest = Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`;
  return `${timestamp} ${level.toUpperCase().padEnd(5)} ${event}${rest}\n`;
}
