/** An instant as Airflow writes it: ISO 8601, UTC. */
export function toInstant(at: number): string {
  return new Date(at).toISOString();
}

export function toNullableInstant(at: number | null): string | null {
  return at === null ? null : toInstant(at);
}

/** Seconds between two instants; null where one is missing. */
export function toDuration(startedAt: number | null, endedAt: number | null): number | null {
  return startedAt === null || endedAt === null ? null : (endedAt - startedAt) / 1000;
}
