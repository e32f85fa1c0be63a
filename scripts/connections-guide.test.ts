// What the connections' guide says is tried out: each variable with the shell that sets it, each key with the provider that takes it.
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Connection } from "@millrace/sdk/provider";
import { EnvironmentConnections } from "../packages/orchestrator/src/config/connections.ts";
import { KNOWN_EXTRA as KAFKA_EXTRA } from "../packages/providers/kafka/src/extra.ts";
import { KNOWN_EXTRA as AWS_EXTRA } from "../packages/providers/sqs/src/extra.ts";
import { sharedFauxqs } from "@millrace/test-services";
import { BIN, makeProject } from "../packages/orchestrator/test/standalone-process.ts";
import { markdownBlocks } from "./markdown-blocks.ts";

const GUIDE = join(import.meta.dirname, "../docs/guides/connections.md");

const shellBlocks = () => markdownBlocks(GUIDE).filter(({ language }) => language === "sh");
const isCommands = (text: string): boolean => text.startsWith("npx millrace ");

/** The connections that the guide's shell blocks set. */
async function exampleConnections(): Promise<readonly Connection[]> {
  const scripts = shellBlocks().filter(({ text }) => !isCommands(text));
  const environments = scripts.map(({ text }) => {
    const { status, stdout, stderr } = spawnSync("sh", ["-ec", `${text}\nenv -0`], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
    });
    assert.equal(status, 0, stderr);
    return Object.fromEntries(stdout.split("\0").map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
  });
  const connections = environments.flatMap((environment) => {
    const variables = Object.keys(environment).filter((name) => /_CONN_/.test(name));
    return variables.map((name) => new EnvironmentConnections(environment).get(name.replace(/^.*_CONN_/, "").toLowerCase()));
  });
  return Promise.all(connections);
}

test("the guide's examples are connections, and have no key that is not used", async () => {
  const connections = await exampleConnections();
  assert.equal(connections.length, 11);
  for (const { id, connType, extra } of connections) {
    const known: readonly string[] = { aws: AWS_EXTRA, kafka: KAFKA_EXTRA }[connType] ?? [];
    for (const key of Object.keys(extra)) assert.ok(known.includes(key), `${id}: ${key}`);
  }
});

test("the guide's commands work, on a server and a queue of this machine", async (t) => {
  const sqs = await sharedFauxqs();
  await sqs.createQueue({ name: "readings" });
  const local = (text: string): string => text.replaceAll("http://127.0.0.1:4566", sqs.url).replaceAll("npx millrace", "millrace");
  const project = makeProject(t);
  await project.start();
  const [aws] = markdownBlocks(GUIDE).filter(({ language }) => language === "json");
  writeFileSync(join(project.folder, "aws.json"), local(aws!.text));
  const bin = join(project.folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "millrace"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`, { mode: 0o755 });
  const env = { ...project.environment, PATH: `${bin}:${process.env["PATH"]}` };
  const blocks = shellBlocks().filter(({ text }) => isCommands(text));
  assert.equal(blocks.length, 3);
  const output: string[] = [];
  for (const { text } of blocks) {
    const { status, stdout, stderr } = spawnSync("sh", ["-exc", local(text)], { encoding: "utf8", env, cwd: project.folder });
    assert.equal(status, 0, stderr);
    output.push(stdout);
  }
  assert.match(output[0]!, /^aws_local +aws +database$/m);
  assert.match(output[1]!, /^connection 'aws_local' works \(tried by the server\): SQS in us-east-1 answers: 1 queue \(readings\)$/m);
  assert.match(output[1]!, /^sent 3 messages to sqs /m);
  assert.match(output[2]!, /^eu-west-1$/m);
});

for (const [heading, known] of [["AWS", AWS_EXTRA] as const, ["Kafka", KAFKA_EXTRA] as const]) {
  test(`the guide's table for ${heading} has every key, and no other`, () => {
    const section = readFileSync(GUIDE, "utf8").split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!;
    const rows = section.slice(section.indexOf("| key |")).split("\n\n")[0]!.split("\n").slice(2);
    const written = rows.flatMap((row) => [...row.split(" | ")[0]!.matchAll(/`([^`]+)`/g)].map(([, key]) => key!));
    const inText = rows.flatMap((row) => [...row.matchAll(/[Aa]lso `(?:extra\.)?([^`]+)`(?: and `extra\.([^`]+)`)?/g)]);
    const also = inText.flatMap((match) => match.slice(1).filter((key) => key !== undefined));
    const fields = ["login", "password"];
    assert.deepEqual([...written, ...also].filter((key) => !fields.includes(key)).toSorted(), [...known].toSorted());
  });
}
