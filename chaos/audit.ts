import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import Database from "better-sqlite3";
import { Pool } from "pg";
import type { Scene } from "./scene.ts";

export interface Question {
  readonly question: string;
  readonly answer: string;
  readonly isSound: boolean;
}

interface Sent {
  readonly acknowledged: ReadonlySet<number>;
  readonly uncertain: ReadonlySet<number>;
}

export interface AuditedDatabase {
  rows<Row extends object>(sql: string): Promise<readonly Row[]>;
  close(): Promise<void>;
}

/** Reads the metadata DB beside the servers. */
export function openDatabase({ postgres, databaseUrl }: Pick<Scene, "postgres" | "databaseUrl">): AuditedDatabase {
  if (postgres === null) {
    const db = new Database(databaseUrl.slice("sqlite:".length), { readonly: true });
    db.pragma("busy_timeout = 10000");
    return { rows: async <Row extends object>(sql: string) => db.prepare(sql).all() as Row[], close: async () => void db.close() };
  }
  const pool = new Pool({ connectionString: databaseUrl, max: 1 });
  pool.on("error", () => undefined);
  return { rows: async <Row extends object>(sql: string) => (await pool.query<Row>(sql)).rows, close: () => pool.end() };
}

/** What P1 to P5 promise, counted: of each asset event, run, try and reply. */
export async function audit(
  db: AuditedDatabase,
  sent: readonly Sent[],
  triesFile: string,
  replies: () => Promise<readonly number[]>,
  /** How many the topic holds. */
  records: () => Promise<number>,
): Promise<readonly Question[]> {
  const acknowledged = new Set(sent.flatMap((one) => [...one.acknowledged]));
  const possible = new Set([...acknowledged, ...sent.flatMap((one) => [...one.uncertain])]);
  const events = await readEvents(db);
  const one = async (sql: string): Promise<number> => Number((await db.rows<{ n: number | string }>(sql))[0]?.n ?? 0);
  const stuck = await one("SELECT count(*) AS n FROM dag_run WHERE state < 10");
  const runs = await one("SELECT count(*) AS n FROM dag_run r JOIN dag d ON d.id = r.dag WHERE d.dag_id = 'answer'");
  const distinct = await one("SELECT count(DISTINCT event_id) AS n FROM dag_run r JOIN dag d ON d.id = r.dag WHERE d.dag_id = 'answer'");
  const failed = await one("SELECT count(*) AS n FROM dag_run WHERE state = 11");
  const waiting = await one("SELECT count(*) AS n FROM pattern_event");
  const outlets = await one("SELECT count(*) AS n FROM asset_event WHERE run_id IS NOT NULL");
  const outletRuns = await one("SELECT count(DISTINCT run_id) AS n FROM asset_event WHERE run_id IS NOT NULL");
  const messages = await one("SELECT count(*) AS n FROM outbox_message");
  const messageRuns = await one("SELECT count(DISTINCT run_id) AS n FROM outbox_message");
  const summed = await one(`SELECT (SELECT count(*) FROM dag_run_event) + (SELECT count(*) FROM dag_run r JOIN dag d ON d.id = r.dag
    WHERE d.dag_id = 'sums' AND r.event_id IS NOT NULL) AS n`);
  const tries = await readTries(triesFile);
  const stored = await one("SELECT count(*) AS n FROM task_instance WHERE state = 10");
  const answered = await replies();
  const answeredOnce = new Set(answered);
  const count = (question: string, found: number, expected: number): Question => ({
    question,
    answer: found === expected ? String(found) : `${found}, expected ${expected}`,
    isSound: found === expected,
  });
  const lost = [...acknowledged].filter((n) => !events.has(n));
  const unknown = [...events.keys()].filter((n) => !possible.has(n));
  const sentTwice = [...events.values()].filter((identities) => identities.length > 1).length;
  const identities = [...events.values()].flat();
  const doubled = identities.length - new Set(identities).size;
  const fromKafka = identities.filter((identity) => identity.startsWith("offset ")).length;
  return [
    { question: "messages that a broker acknowledged", answer: String(acknowledged.size), isSound: acknowledged.size > 0 },
    count("of them without an asset event (lost)", lost.length, 0),
    count("asset events of one message too many (P2)", doubled, 0),
    count("asset events of Kafka's records, each once", fromKafka, await records()),
    { question: "messages whose sender gave them to SQS twice, when it got no answer", answer: String(sentTwice), isSound: true },
    count("asset events that nobody sent", unknown.length, 0),
    count("runs stuck", stuck, 0),
    count("runs failed", failed, 0),
    count("runs for these events", runs, identities.length),
    count("runs doubled", runs - distinct, 0),
    count("tries with two outcomes: outlet events too many", outlets - outletRuns, 0),
    count("runs with an outlet event", outletRuns, identities.length),
    count("tries with two outcomes: outbox messages too many", messages - messageRuns, 0),
    count("events that wait", waiting, 0),
    count("outlet events taken by the second DAG, each once", summed, outlets),
    count("task instances that no try has run, by the tasks' own file", Math.max(0, stored - tries.instances), 0),
    {
      question: "tries begun, by the tasks' own file",
      answer: `${tries.begun} for ${stored} task instances`,
      isSound: tries.begun >= stored,
    },
    count("replies on the other queue", [...events.keys()].filter((n) => answeredOnce.has(n)).length, events.size),
    { question: "replies sent again (at least once)", answer: String(answered.length - answeredOnce.size), isSound: true },
  ];
}

/** What the broker calls each message that brought a number. */
async function readEvents(db: AuditedDatabase): Promise<ReadonlyMap<number, readonly string[]>> {
  const found = new Map<number, string[]>();
  const rows = await db.rows<{
    payload: Buffer;
    source_id: number;
    partition: string | null;
    message_offset: number | null;
    message_id: string | null;
  }>(
    `SELECT e.payload, e.source_id, e.partition, e.message_offset, e.message_id FROM asset_event e JOIN asset a ON a.id = e.asset_id
     WHERE a.name = 'messages'`,
  );
  for (const { payload, source_id: source, partition, message_offset: offset, message_id: id } of rows) {
    const { n } = JSON.parse(payload.toString()) as { n: number };
    const identity = offset === null ? `id ${source} ${id}` : `offset ${source} ${partition} ${offset}`;
    found.set(n, [...(found.get(n) ?? []), identity]);
  }
  return found;
}

async function readTries(file: string): Promise<{ readonly begun: number; readonly instances: number }> {
  const instances = new Set<string>();
  let begun = 0;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    begun += 1;
    instances.add(line.split(" ").slice(0, 2).join(" "));
  }
  return { begun, instances: instances.size };
}
