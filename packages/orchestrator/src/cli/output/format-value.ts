/** `12 ms`, `3.4 s`, `2 min 5 s`, `1 h 3 min`. */
export function formatDuration(seconds: number | null): string {
  if (seconds === null) return "";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** UTC, to the millisecond, as short as a table wants it. */
export function formatInstant(instant: string | null): string {
  return instant === null ? "" : instant.replace("T", " ").replace(/(\.\d{3})\d*(Z|\+00:00)$/, "$1Z");
}

/** One line of JSON, cut to `max` characters. */
export function previewJson(value: unknown, max: number): string {
  return preview(JSON.stringify(value) ?? "", max);
}

/** Cut to `max` characters, which then end in `…`. */
export function preview(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}

/** `1 task`, `2 tasks`. */
export function formatCount(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

/** Text of others, for a terminal: control characters, which could move its cursor or worse, are written out. Line breaks and tabs stay. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{C}\n\t]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
