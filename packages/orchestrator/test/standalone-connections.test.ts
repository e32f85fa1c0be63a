import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import { makeProject } from "./standalone-process.ts";

const dagFile = (queue: string, out: string): string => `
import { defineAsset, defineDag } from "@millrace/sdk";
import { sqsQueue, sqsTrigger } from "@millrace/sqs";

const files = defineAsset("files", { watchers: { sqs: sqsTrigger({ connection: "plant", queueUrl: "${queue}" }) } });
const replies = sqsQueue({ connection: "plant", queueUrl: "${out}" });

export default defineDag("reply", { schedule: files }, (dag) => {
  dag.task("reply", async ({ event, publish, variable, connection }) => {
    const { login, password } = await connection("plant");
    console.log("password", password);
    publish(replies, [await variable("greeting"), login, event.payload].join(" "));
  });
});
`;

test("a stored connection is taken up at once by triggers, tasks and publishing, and outlives a restart with its key", async (t) => {
  const sqs = await sharedFauxqs();
  const [queue, out] = [await sqs.createQueue(), await sqs.createQueue()];
  const project = makeProject(t, { "reply.ts": dagFile(queue, out) });
  const watcher = async (): Promise<any> => JSON.parse((await project.run(["watchers", "list", "-o", "json"])).out)[0].health;
  const replies: string[] = [];
  const receives = async (expected: string): Promise<void> =>
    eventually(async () => {
      replies.push(...(await sqs.receive(out)).map(({ Body }) => String(JSON.parse(Body!))));
      assert.equal(replies.at(-1), expected);
    });

  const first = await project.start();
  await eventually(async () => assert.match((await watcher()).last_error, /CONNECTION_NOT_FOUND: connection 'plant'/));
  assert.throws(() => readFileSync(join(project.home, "secret.key")), { code: "ENOENT" });
  const { login, password, extra } = sqs.connection();
  const file = join(project.folder, "plant.json");
  writeFileSync(
    file,
    JSON.stringify({ conn_type: "aws", login, password: `${password}-of-the-plant`, extra: { ...extra, wait_time_seconds: 1 } }),
  );
  assert.equal((await project.run(["variables", "set", "greeting", "hello"])).code, 0);
  const added = await project.run(["connections", "add", "plant", "--json", `@${file}`]);
  assert.equal(added.code, 0, added.err);
  await eventually(async () => assert.deepEqual(await watcher().then(({ state, last_error }) => [state, last_error]), ["streaming", null]));
  const tested = await project.run(["connections", "test", "plant"]);
  assert.match(tested.out, /^connection 'plant' works \(tried by the server\): SQS in us-east-1 answers/);
  await project.run(["publish", "plant", "--queue", queue, "--body", "one"]);
  await receives(`hello ${login} one`);
  const log = await project.run(["tasks", "logs", "reply", "latest"]);
  assert.match(log.out, /password \*\*\*/);
  assert.equal(await first.stop(), 0);

  const key = readFileSync(join(project.home, "secret.key"));
  rmSync(join(project.home, "secret.key"));
  const second = await project.start();
  await eventually(async () =>
    assert.match((await watcher()).last_error, /SECRET_UNREADABLE: connection 'plant' is stored encrypted, and its key is not there/),
  );
  assert.match((await project.run(["connections", "list"])).out, /^plant +aws +database +SECRET_UNREADABLE: connection 'plant'/m);
  assert.match((await project.run(["variables", "get", "greeting"])).err, /variable 'greeting' is stored encrypted/);
  assert.match((await project.run(["connections", "add", "other", "--uri", "aws://"])).err, /code: SECRET_UNREADABLE/);
  assert.equal(await second.stop(), 0);

  // The same key by its variable.
  rmSync(join(project.home, "secret.key"), { force: true });
  await sqs.send(queue, ["two"]);
  const third = await project.start({ environment: { MILLRACE_SECRET_KEY: key.toString() } });
  await receives(`hello ${login} two`);
  assert.doesNotMatch(`${third.out}${third.err}`, /of-the-plant/);
});
