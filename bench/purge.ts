// npm run bench:purge [-- --runs 1000000 --rate 500 --seconds 20]
// What an ingest waits for its commit, alone and while retention deletes a history of runs beside it: one process, one run.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../packages/orchestrator/src/domain/clock.ts";
import { DECISION_CODES } from "../packages/orchestrator/src/domain/decision.ts";
import type { IngestEntry } from "../packages/orchestrator/src/domain/ingest-unit.ts";
import { GroupCommitter } from "../packages/orchestrator/src/metadata-db/committer.ts";
import { openDatabase } from "../packages/orchestrator/src/metadata-db/sqlite/open-database.ts";
import { openSqliteReader } from "../packages/orchestrator/src/metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { SqliteBatchWriter } from "../packages/orchestrator/src/metadata-db/sqlite/sqlite-batch-writer.ts";
import { Retention } from "../packages/orchestrator/src/retention/retention.ts";
import { seedHistory } from "./seed-history.ts";
import { formatMs, summarize } from "./statistics.ts";

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "1000000" },
    rate: { type: "string", default: "500" },
    seconds: { type: "string", default: "20" },
  },
});
const [runs, rate, seconds] = [Number(flags.runs), Number(flags.rate), Number(flags.seconds)];
const DAY_MS = 86_400_000;
/** As in a server. */
const PAUSE_MS = 16;
const PAYLOAD = Buffer.from(JSON.stringify({ sensor: "s1", celsius: 81.5, note: "x".repeat(150) }));
const QUIET = { debug() {}, info() {}, warn: console.error, error: console.error, child: () => QUIET };

let offset = 0;
function nextEntry(): IngestEntry {
  const decision = { dag: 1, versionId: 1, code: DECISION_CODES.run, reason: null, inbox: null };
  const event = {
    assetId: 1,
    assetName: "a",
    payload: PAYLOAD,
    messageKey: null,
    headers: null,
    extra: null,
    partitionKey: null,
    sentAt: null,
  };
  return {
    source: "bench",
    position: { partition: "0", offset: offset++ },
    seen: null,
    messageId: null,
    value: PAYLOAD,
    key: null,
    headers: null,
    events: [{ ...event, decisions: [decision] }],
    deadLetters: [],
    ignored: [],
    rejected: [],
    cursor: null,
  };
}

/** Ingests at the rate until `isOver`; gives the ms that each waited for its commit. */
async function load(committer: GroupCommitter, isOver: () => boolean): Promise<readonly number[]> {
  const waited: number[] = [];
  const start = performance.now();
  for (let sent = 0; !isOver();) {
    const due = ((performance.now() - start) / 1_000) * rate;
    for (; sent < due; sent += 1) {
      const at = performance.now();
      void committer.ingest({ triggerId: 1, triggerEpoch: null, entries: [nextEntry()] }).then(() => waited.push(performance.now() - at));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await committer.flush();
  return waited;
}

function print(name: string, waited: readonly number[]): void {
  const { p50, p90, p99, max } = summarize(waited);
  const cells = [p50, p90, p99, max].map((ms) => formatMs(ms).padStart(8)).join("");
  console.log(`${name.padEnd(28)}${String(waited.length).padStart(9)}${cells}`);
}

function forSeconds(length: number): () => boolean {
  const end = performance.now() + length * 1_000;
  return () => performance.now() > end;
}

const folder = mkdtempSync(join(tmpdir(), "millrace-bench-purge-"));
const file = join(folder, "millrace.db");
const db = openDatabase(file);
try {
  db.prepare(
    "INSERT INTO dag (id, dag_id, file, version_id, shard, created_at, loaded_at) VALUES (1, 'bench', 'bench.ts', 1, 0, 0, 0)",
  ).run();
  db.prepare("INSERT INTO dag_version VALUES (1, 1, 1, 'h', 'h', '/bench.ts', ?, 0, NULL)").run(Buffer.from("{}"));
  seedHistory(db, { runs, assetId: 1, dag: 1, versionId: 1, at: Date.now() - 60 * DAY_MS, payload: PAYLOAD });
  console.log(
    `${runs} runs of 60 days ago, ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB; ${rate} ingests/s; ${cpus().length} cores; Node ${process.version}`,
  );
  const listener = { onRuns: () => undefined, onInbox: () => undefined, onOutbox: () => undefined };
  const committer = new GroupCommitter({ writer: new SqliteBatchWriter(db, 1), clock: systemClock, log: QUIET, listener });
  const reader = await openSqliteReader(file);
  const parts = { committer, reads: reader.reads.retention, clock: systemClock, log: QUIET, bundlesFolder: folder };
  const retention = new Retention({ ...parts, retentionMs: 30 * DAY_MS, retentionRows: 10 * runs, pauseMs: PAUSE_MS });
  console.log(
    `${"ms from ingest to committed".padEnd(28)}${"ingests".padStart(9)}${["p50", "p90", "p99", "max"].map((name) => name.padStart(8)).join("")}`,
  );
  print("without a purge", await load(committer, forSeconds(seconds)));
  let isOver = false;
  const start = performance.now();
  const purge = retention.tick().then((report) => {
    isOver = true;
    return report;
  });
  print("while a purge goes on", await load(committer, () => isOver));
  const { counts } = await purge;
  const took = (performance.now() - start) / 1_000;
  print("without a purge, afterwards", await load(committer, forSeconds(seconds)));
  console.log(
    `purged ${counts.dag_run} runs and ${counts.asset_event} events in ${took.toFixed(0)} s: ${Math.round((counts.dag_run + counts.asset_event) / took)}/s`,
  );
  await reader.close();
} finally {
  db.close();
  rmSync(folder, { recursive: true, force: true });
}
