/** Below Kafka's default `max.message.bytes`, which counts a whole batch; a record above it goes alone. */
const MAX_BYTES = 900_000;
const OVERHEAD_BYTES = 128;

/** Cuts records, in order, into requests. */
export function batchesOf<T extends { readonly bytes: number }>(records: readonly T[]): T[][] {
  const batches: T[][] = [];
  let bytes = 0;
  for (const record of records) {
    const size = record.bytes + OVERHEAD_BYTES;
    const current = batches.at(-1);
    if (current === undefined || bytes + size > MAX_BYTES) {
      batches.push([record]);
      bytes = size;
    } else {
      current.push(record);
      bytes += size;
    }
  }
  return batches;
}
