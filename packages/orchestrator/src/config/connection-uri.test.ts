import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "@millrace/sdk/provider";
import type { MillraceError } from "../domain/errors.ts";
import { EnvironmentConnections } from "./connections.ts";

const get = (uri: string): Promise<Connection> => new EnvironmentConnections({ AIRFLOW_CONN_X: uri }).get("x");

const NOTHING = { host: "", login: undefined, password: undefined, port: undefined, schema: "", extra: {} };

/** What Airflow 3 (task SDK 1.3, `Connection.from_uri`) gives; what is '' there is '' here, None is undefined. */
const READ: readonly (readonly [uri: string, Partial<Connection>])[] = [
  ["aws://", { connType: "aws" }],
  [
    "aws://AKIA:se%2Fcr%2Bet@/?region_name=eu-west-1",
    { connType: "aws", login: "AKIA", password: "se/cr+et", extra: { region_name: "eu-west-1" } },
  ],
  ["aws://@/?region_name=eu-west-1&region_name=us-east-1", { connType: "aws", login: "", extra: { region_name: "us-east-1" } }],
  [
    "aws://AKIA:sk@/?__extra__=%7B%22assume_role_kwargs%22%3A+%7B%22ExternalId%22%3A+%22e%22%7D%7D&role_arn=dropped",
    { connType: "aws", login: "AKIA", password: "sk", extra: { assume_role_kwargs: { ExternalId: "e" } } },
  ],
  [
    "kafka://broker-1.Example.com:9092?security.protocol=SSL&group.id=",
    { connType: "kafka", host: "broker-1.example.com", port: 9092, extra: { "security.protocol": "SSL", "group.id": "" } },
  ],
  ["kafka://user:p%40ss@broker:9092/", { connType: "kafka", login: "user", password: "p@ss", host: "broker", port: 9092 }],
  ["my-conn-type://h", { connType: "my_conn_type", host: "h" }],
  ["postgresql://u@h:5432/db%20name", { connType: "postgres", login: "u", host: "h", port: 5432, schema: "db name" }],
  ["HTTP-conn+x.y://h", { connType: "http_conn+x.y", host: "h" }],
  [
    "http://https://api.example.com:443/v1/things?a=1",
    { connType: "http", host: "https://api.example.com", port: 443, schema: "v1/things", extra: { a: "1" } },
  ],
  ["http://https://u:p@h/s", { connType: "http", host: "https://h", login: "u", password: "p", schema: "s" }],
  ["pg://u:p%zz@%2FTmp%2Fsock/s", { connType: "pg", login: "u", password: "p%zz", host: "/Tmp/sock", schema: "s" }],
  ["pg://u:p:q@x@h", { connType: "pg", login: "u", password: "p:q@x", host: "h" }],
  ["pg://u@[2001:DB8::1]:5432/s", { connType: "pg", login: "u", host: "2001:db8::1", port: 5432, schema: "s" }],
  ["pg://:onlypw@h", { connType: "pg", login: "", password: "onlypw", host: "h" }],
  ["pg://h/s?a=b+c&d&&e=f%26g#dropped", { connType: "pg", host: "h", schema: "s", extra: { a: "b c", d: "", e: "f&g" } }],
  ["pg://caf%C3%A9:%ff@h", { connType: "pg", login: "café", password: "\uFFFD", host: "h" }],
];
for (const [uri, expected] of READ) {
  test(`read as Airflow reads it: ${uri}`, async () => {
    const { id: _id, ...connection } = await get(uri);
    assert.deepEqual(connection, { ...NOTHING, ...expected });
  });
}

test("a URL in the query need not be encoded", async () => {
  const { login, extra } = await get("aws://AK:SK@/?endpoint_url=http://localhost:4566&region_name=us-east-1");
  assert.deepEqual([login, extra], ["AK", { endpoint_url: "http://localhost:4566", region_name: "us-east-1" }]);
});

test("spaces and line ends around a value do not count", async () => {
  assert.equal((await get(" kafka://broker:9092\n")).host, "broker");
});

test("conn_type has one spelling in JSON too", async () => {
  assert.equal((await get('{"conn_type":"my-type"}')).connType, "my_type");
});

const INVALID: readonly (readonly [uri: string, message: RegExp])[] = [
  ["google_cloud://u:s3cret@h", /write '-' for '_'/],
  ["aws://AKIA:abc/s3cret@/?region_name=eu-west-1", /expected an integer from 1 to 65535 as port, got other text: in a login.*%2F/],
  ["kafka://s3cret:9092,s3cret:9092", /expected an integer from 1 to 65535 as port/],
  ["kafka://h:70000", /'port' to be an integer from 1 to 65535/],
  ["kafka://u:s3cret@http://h", /':\/\/' after the conn_type/],
  ["kafka://http://http://s3cret", /':\/\/' after the conn_type/],
  ["aws://?__extra__=s3cret", /'extra' to be a JSON object, got text that is not JSON/],
  ["aws://?__extra__=%5B%22s3cret%22%5D", /'extra' to be a JSON object, got an array/],
];
for (const [uri, message] of INVALID) {
  test(`refused without showing the secret: ${uri}`, async () => {
    await assert.rejects(get(uri), (error: MillraceError) => {
      assert.equal(error.code, "CONNECTION_INVALID");
      assert.match(error.message, /connection 'x' in AIRFLOW_CONN_X/);
      assert.match(error.message, message);
      assert.doesNotMatch(`${error.message} ${error.hint} ${error.stack} ${String(error.cause)}`, /s3cret/);
      return true;
    });
  });
}
