/** The value below which `share` (0 to 1) of the sorted values lie. */
export function percentile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

export function summarize(values: readonly number[]): {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
} {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p90: percentile(sorted, 0.9), p99: percentile(sorted, 0.99), max: sorted.at(-1) ?? Number.NaN };
}

export function formatMs(ms: number): string {
  return ms.toFixed(ms < 10 ? 2 : 1);
}
