/** Doubling bounds of a wait before the next attempt. */
export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait after `failures` (1 or more) in a row: anything from 0 to the doubled bound, so that those who
 * failed together do not come back together.
 */
export function backoffMs(failures: number, limits: BackoffLimits, random: () => number = Math.random): number {
  return random() * Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(failures - 1, 30));
}
