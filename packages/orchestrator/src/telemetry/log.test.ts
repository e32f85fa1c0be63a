import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { MillraceError } from "../domain/errors.ts";
import type { LogFormat, LogLevel } from "../domain/log.ts";
import { createLog } from "./log.ts";

function logTo(format: LogFormat, level: LogLevel = "info") {
  const written: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done();
    },
  });
  return { log: createLog({ level, format, color: false, stream }), text: () => written.join("") };
}

test("a JSON line has time, level, message and the fields, a child's too", () => {
  const { log, text } = logTo("json");
  log.child({ part: "triggerer" }).warn("stream died", { trigger: 7 });
  const line = JSON.parse(text());
  assert.deepEqual([line.level, line.message, line.part, line.trigger], ["warn", "stream died", "triggerer", 7]);
  assert.match(line.time, /^\d{4}-\d\d-\d\dT/);
});

test("a word of megabytes is written at once, and a URL's login after it is not", () => {
  const { log, text } = logTo("json");
  const word = "y".repeat(4_000_000);
  log.info(`${word}://user:hunter2@host`, { word: `${word} kafka+ssl://user:hunter2@host/x` });
  assert.equal(JSON.parse(text()).message, `${word}://[redacted]@host`);
  assert.doesNotMatch(text(), /hunter2/);
});

test("what is below the level is not written", () => {
  const { log, text } = logTo("json", "warn");
  log.info("not this");
  log.error("this");
  assert.equal(text().trim().split("\n").length, 1);
});

test("a human line reads level, message and fields", () => {
  const { log, text } = logTo("human");
  log.info("listening", { address: "http://127.0.0.1:8080" });
  assert.match(text(), /INFO: listening .*"address":"http:\/\/127\.0\.0\.1:8080"/);
});

for (const format of ["json", "human"] as const) {
  test(`no secret reaches a ${format} line, at any depth, in messages, causes or addresses`, () => {
    const { log, text } = logTo(format);
    const cause = new Error("connect to amqp://guest:s3cret@host failed");
    const error = new MillraceError("CONNECTION_INVALID", "sqs: see http://u:s3cret@h/", { cause });
    const circular: Record<string, unknown> = { password: "s3cret" };
    circular["self"] = circular;
    log.error("cannot reach postgres://me:s3cret@db/x", { error, connection: { extra: [{ aws_secret_access_key: "s3cret" }] }, circular });
    log.child({ token: "s3cret" }).info("child");
    assert.doesNotMatch(text(), /s3cret/);
    assert.match(text(), /CONNECTION_INVALID/);
    assert.match(text(), /\[circular\]/);
  });
}

test("a human line tells an error as a code, a sentence and what to do, without its stack", () => {
  const { log, text } = logTo("human");
  const error = new MillraceError("CONNECTION_INVALID", "connection 'x': no password", { cause: new Error("deep"), hint: "give one" });
  log.warn("cannot open", { error, trigger: 7 });
  assert.match(text(), /WARN: cannot open: CONNECTION_INVALID: connection 'x': no password \(give one\) \{"trigger":7\}\n$/);
});

test("what the message tells already is not told twice", () => {
  const { log, text } = logTo("human");
  log.warn("E: no password", { error: Object.assign(new Error("no password"), { code: "E", hint: "give one" }) });
  log.error("a.ts:3: expected ')'", { hint: "correct the line" });
  assert.match(text(), /WARN: E: no password \(give one\)\n.*ERROR: a\.ts:3: expected '\)' \(correct the line\)\n$/);
});

test("an error nobody foresaw shows where it came from; at level debug every error does", () => {
  const { log, text } = logTo("human");
  log.warn("lost", { error: new Error("the connection was lost") });
  assert.doesNotMatch(text(), / at /);
  log.warn("oops", { error: new TypeError("x is not a function") });
  assert.match(text(), /oops: x is not a function\n *TypeError: x is not a function\n +at /);
  const debug = logTo("human", "debug");
  debug.log.warn("known", { error: new MillraceError("USAGE", "no", { cause: new Error("deep") }) });
  assert.match(debug.text(), /MillraceError: no\n +at [^]*cause: Error: deep/);
});

test("a JSON line keeps an error's fields apart", () => {
  const { log, text } = logTo("json");
  log.warn("cannot open", { error: new MillraceError("USAGE", "no", { hint: "do this" }) });
  const { message, error } = JSON.parse(text());
  assert.deepEqual([message, error.code, error.message, error.hint], ["cannot open", "USAGE", "no", "do this"]);
});
