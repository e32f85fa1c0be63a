import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findFreePort } from "./standalone-process.ts";
import { makeHome, run, startServer } from "./cli-harness.ts";

test("connections are added, listed with where they come from, shown without secrets, and deleted", async (t) => {
  const { home, millrace } = await startServer(t, { role: "admin", environment: { MILLRACE_CONN_AWS_DEFAULT: "aws://AK:hunter2@" } });
  assert.match((await run(home, ["connections", "get", "plant"])).err, /code: CONNECTION_NOT_FOUND/);
  const fields = ["--conn-type", "kafka", "--host", "broker", "--port", "9092", "--login", "ann", "--password", "hunter2"];
  const extra = ["--extra", '{"sasl.password": "hunter3", "sasl.mechanism": "PLAIN"}', "--description", "of the plant"];
  const added = await millrace("connections", "add", "plant", ...fields, ...extra);
  assert.equal(added.code, 0, added.err);
  assert.match(added.out, /^Connection +plant\nType +kafka\nHost +broker:9092\nLogin +ann\nPassword +\*\*\*\n/);
  const list = await millrace("connections", "list");
  assert.match(list.out, /^aws_default +aws +MILLRACE_CONN_AWS_DEFAULT$/m);
  assert.match(list.out, /^plant +kafka +broker:9092 +database +of the plant$/m);
  const json = JSON.parse((await millrace("connections", "get", "plant", "-o", "json")).out);
  assert.deepEqual(JSON.parse(json.extra), { "sasl.password": "***", "sasl.mechanism": "PLAIN" });
  assert.doesNotMatch(added.out + list.out, /hunter/);
  const again = await millrace("connections", "add", "plant", "--uri", "kafka://other:1");
  assert.deepEqual([again.code, again.err.split("\n").at(-2)], [1, "code: CONNECTION_EXISTS"]);
  const replaced = await millrace("connections", "add", "plant", "--replace", "--uri", "kafka://other:1");
  assert.doesNotMatch(replaced.out, /Password|Extra|Description/);
  assert.match(replaced.out, /^Host +other:1$/m);
  assert.equal((await millrace("connections", "delete", "plant")).out, "connection 'plant' is deleted\n");
  assert.equal(JSON.parse((await millrace("connections", "list", "-o", "json")).out).length, 1);
  const readOnly = await millrace("connections", "delete", "aws_default");
  assert.match(readOnly.err, /comes from the variable MILLRACE_CONN_AWS_DEFAULT.*\nhint: change MILLRACE_CONN_AWS_DEFAULT/);
});

test("a connection is read from a file, from standard input, or from a URI; what is not one is told without its secrets", async (t) => {
  const { home, millrace } = await startServer(t, { role: "admin" });
  const file = join(home, "aws.json");
  writeFileSync(
    file,
    JSON.stringify({ conn_type: "aws", login: "AK", password: "hunter2", description: "prod", extra: { region_name: "eu-west-1" } }),
  );
  assert.match((await millrace("connections", "add", "from_file", "--json", `@${file}`)).out, /^Description +prod$/m);
  const piped = await run(home, ["connections", "add", "piped", "--uri", "-"], {}, "aws://AK:hunter2@/?region_name=eu-west-1\n");
  assert.match(piped.out, /^Extra +\{"region_name":"eu-west-1"\}$/m);
  const refused = async (err: RegExp, ...args: string[]) => {
    const result = await millrace("connections", "add", "x", ...args);
    assert.equal(result.code, 2, result.err);
    assert.match(result.err, err);
    assert.doesNotMatch(result.err, /hunter/);
  };
  await refused(/expected either --uri, or --json, or --conn-type/);
  await refused(/expected either --uri, or --json, or --conn-type/, "--uri", "aws://", "--host", "h");
  await refused(/--conn-type: expected/, "--host", "h");
  await refused(/connection 'x' in --json: expected the fields/, "--json", '{"conn_type": "aws", "pasword": "hunter2"}');
  await refused(/connection 'x' in --uri:/, "--uri", "kafka://h:hunter2@h:70000");
  await refused(/--extra: expected a JSON object/, "--conn-type", "aws", "--extra", "[1]");
});

test("an operator adds none; an unknown one is answered with the one that may be meant", async (t) => {
  const { millrace } = await startServer(t, { environment: { MILLRACE_CONN_KAFKA_DEFAULT: "kafka://h" } });
  assert.match((await millrace("connections", "add", "x", "--uri", "aws://")).err, /code: FORBIDDEN/);
  assert.match((await millrace("connections", "get", "kafka_defualt")).err, /hint: did you mean 'kafka_default'\?/);
});

test("connections test tells what is wrong, and who tried: the server, or the command for what only it knows", async (t) => {
  const port = await findFreePort();
  const environment = { MILLRACE_CONN_KAFKA_GONE: `kafka://127.0.0.1:${port}` };
  const { home, millrace } = await startServer(t, { environment });
  const server = await millrace("connections", "test", "kafka_gone");
  assert.equal(server.code, 1, server.err);
  assert.match(server.out, /^connection 'kafka_gone' does not work \(tried by the server\): .*\nhint: /);
  const other = { MILLRACE_CONN_MINE: `unheard://127.0.0.1:${port}` };
  const mine = await run(home, ["connections", "test", "mine", "-o", "json"], other);
  assert.deepEqual([mine.code, JSON.parse(mine.out).tested_by, JSON.parse(mine.out).status], [1, "this command", false]);
  assert.match(JSON.parse(mine.out).message, /expected a provider for conn_type 'unheard', none is installed/);
  const nobody = await run(makeHome(t), ["connections", "test", "mine"], other);
  assert.match(nobody.out, /tried by this command/);
  assert.match((await run(home, ["connections", "test", "neither"], other)).err, /code: CONNECTION_NOT_FOUND/);
});

test("variables are set, changed, read and deleted", async (t) => {
  const { home, millrace } = await startServer(t, { role: "admin", environment: { AIRFLOW_VAR_REGION: "eu" } });
  assert.equal((await millrace("variables", "set", "limit", "5", "--description", "d")).out, "variable 'limit' is stored\n");
  assert.equal((await run(home, ["variables", "set", "limit", "-"], {}, "two\nlines")).code, 0);
  assert.equal((await millrace("variables", "get", "limit")).out, "two\nlines\n");
  assert.match((await millrace("variables", "list")).out, /^limit +two… +database +d\nregion +eu +AIRFLOW_VAR_REGION$/m);
  assert.match((await millrace("variables", "set", "region", "us")).err, /code: VARIABLE_READ_ONLY/);
  assert.equal((await millrace("variables", "delete", "limit")).code, 0);
  assert.match((await millrace("variables", "get", "limit")).err, /code: VARIABLE_NOT_FOUND/);
});
