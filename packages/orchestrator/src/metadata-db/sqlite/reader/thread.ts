// The reader thread: its own read-only connection, so that no query, however long, holds up the writer.
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import { READER_OPENED, type ReaderData, type ReaderReply, type ReaderRequest } from "./protocol.ts";

const MAX_STATEMENTS = 500;

const port = parentPort!;
const { file } = workerData as ReaderData;
const statements = new Map<string, Database.Statement>();

function open(): Database.Database {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  db.pragma("busy_timeout = 5000");
  db.pragma("cache_size = -32768");
  db.pragma("temp_store = MEMORY");
  return db;
}

function prepare(db: Database.Database, sql: string): Database.Statement {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  // Queries with lists have many texts: start over rather than keep them all.
  if (statements.size >= MAX_STATEMENTS) statements.clear();
  const statement = db.prepare(sql);
  statements.set(sql, statement);
  return statement;
}

function toReply(id: number, read: () => readonly Record<string, unknown>[]): ReaderReply {
  try {
    return { id, rows: read() };
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    return { id, error: { message, code: code ?? null } };
  }
}

let db: Database.Database | undefined;
const opened = toReply(READER_OPENED, () => {
  db = open();
  return [];
});
port.postMessage(opened);
port.on("message", (request: ReaderRequest | null) => {
  if (request === null) {
    db?.close();
    port.close();
    return;
  }
  const { id, sql, parameters } = request;
  port.postMessage(toReply(id, () => prepare((db ??= open()), sql).all(...parameters) as Record<string, unknown>[]));
});
