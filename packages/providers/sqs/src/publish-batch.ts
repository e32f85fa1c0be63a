/** SQS's own limits for one request; a message above the size goes alone, and SQS says whether it takes it. */
const MAX_MESSAGES = 10;
const MAX_BYTES = 256 * 1024;
/** Room for a message's attributes. */
const OVERHEAD_BYTES = 512;

/** Cuts messages, in order, into requests. */
export function batchesOf<T extends { readonly bytes: number }>(messages: readonly T[]): T[][] {
  const batches: T[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = message.bytes + OVERHEAD_BYTES;
    const current = batches.at(-1);
    if (current === undefined || current.length === MAX_MESSAGES || bytes + size > MAX_BYTES) {
      batches.push([message]);
      bytes = size;
    } else {
      current.push(message);
      bytes += size;
    }
  }
  return batches;
}
