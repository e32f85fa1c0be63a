import { strict as assert } from "node:assert";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, findFreePorts } from "@millrace/test-services";
import { Member } from "../../../chaos/member.ts";
import { asAdmin, createDatabase } from "./postgres-database.ts";

const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));
export const WITHIN = { withinMs: 60_000 };

/** Parts of a server as processes of their own, on one PostgreSQL. */
export interface ProcessCluster {
  readonly folder: string;
  readonly address: string;
  /** An object among the arguments is its environment. */
  readonly start: (name: string, ...args: readonly (string | Readonly<Record<string, string>>)[]) => Member;
  /** The same, of a copy of the code. */
  readonly startOf: (bin: string, name: string, ...args: readonly (string | Readonly<Record<string, string>>)[]) => Member;
  readonly rows: <Row extends object>(sql: string) => Promise<readonly Row[]>;
  readonly call: (path: string, body?: object) => Promise<Record<string, unknown>>;
}

export interface ProcessClusterOptions {
  /** Of DAGs; each is told the cluster's folder. */
  readonly files: Readonly<Record<string, (folder: string) => string>>;
  /** An empty database; without one it is made. */
  readonly url?: string;
}

/** With an API server, and nothing else yet. */
export async function startProcessCluster(t: TestContext, { files, ...options }: ProcessClusterOptions): Promise<ProcessCluster> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-cluster-"));
  const url = options.url ?? (await createDatabase());
  mkdirSync(join(folder, "dags"));
  symlinkSync(NODE_MODULES, join(folder, "node_modules"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, "dags", name), text(folder));
  const [port] = await findFreePorts(1);
  const address = `http://127.0.0.1:${port}`;
  const environment = {
    MILLRACE_DB_URL: url,
    MILLRACE_DAGS_FOLDER: join(folder, "dags"),
    MILLRACE_ADMIN_PASSWORD: "secret",
    MILLRACE_PORT: String(port),
  };
  const members: Member[] = [];
  t.after(async () => {
    await Promise.all(members.map((member) => member.kill()));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const run = (bin: string | null, name: string, given: readonly (string | Readonly<Record<string, string>>)[]): Member => {
    const args = given.filter((one) => typeof one === "string");
    const member = new Member({
      name,
      args,
      folder,
      environment: Object.assign({}, environment, ...given.filter((one) => typeof one === "object")),
      ...(bin !== null && { bin }),
    });
    members.push(member);
    member.start();
    return member;
  };
  const start: ProcessCluster["start"] = (name, ...given) => run(null, name, given);
  let token: string | null = null;
  const call: ProcessCluster["call"] = async (path, body) => {
    const headers = { "content-type": "application/json", ...(token !== null && { authorization: `Bearer ${token}` }) };
    const init = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
    const response = await fetch(address + path, init);
    const answer = (await response.json()) as Record<string, unknown>;
    assert.ok(response.ok, `${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  };
  const login = async (): Promise<void> => {
    token = String((await call("/auth/token", { username: "admin", password: "secret" }))["access_token"]);
  };
  start("api-server", "api-server");
  await eventually(login, WITHIN);
  return {
    folder,
    address,
    start,
    startOf: (bin, name, ...given) => run(bin, name, given),
    call,
    rows: async (sql) => (await asAdmin(url, sql)) as never,
  };
}
