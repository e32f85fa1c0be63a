/** What the reader thread is given when it starts. */
export interface ReaderData {
  readonly file: string;
}

export interface ReaderRequest {
  readonly id: number;
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** `id` -1: the database is open, or could not be opened. */
export type ReaderReply =
  | { readonly id: number; readonly rows: readonly Record<string, unknown>[] }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: string | null } };

export const READER_OPENED = -1;
