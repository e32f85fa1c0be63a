import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import { eventually, type FauxqsServer, startFauxqs } from "@millrace/test-services";
import { type RunningExample, startExample } from "../../scripts/start-example.ts";
import { ChatServer } from "./chat-server.ts";

const KEY = "sk-of-the-test-server";
const ANSWER = "Zürich is 9 °C – rain,\nasked: How is the weather?";

interface Running {
  readonly chat: ChatServer;
  readonly example: RunningExample;
  readonly sqs: FauxqsServer;
  readonly answers: string;
  readonly ask: (prompt: object) => Promise<void>;
}

async function startGenai(t: TestContext, key: string): Promise<Running> {
  const chat = await ChatServer.start(KEY);
  t.after(() => chat.stop());
  const sqs = await startFauxqs();
  t.after(() => sqs.stop());
  const prompts = await sqs.createQueue({ name: "prompts" });
  const answers = await sqs.createQueue({ name: "answers" });
  const aws = sqs.connection();
  const example = await startExample(t, "genai", {
    // Its polls are short, so that a stop is quick.
    MILLRACE_CONN_AWS_DEFAULT: JSON.stringify({ ...aws, extra: { ...aws.extra, wait_time_seconds: 1 } }),
    MILLRACE_CONN_LLM_DEFAULT: JSON.stringify({ conn_type: "openai", host: chat.url, password: key, extra: { model: "small" } }),
  });
  return { chat, example, sqs, answers, ask: (prompt) => sqs.send(prompts, [JSON.stringify(prompt)]) };
}

test("an answer is streamed after the pause that the server asks for, and published with its id", async (t) => {
  const { chat, example, sqs, answers, ask } = await startGenai(t, KEY);
  await ask({ id: "p-1", prompt: "How is the weather?" });
  const [message] = await eventually(async () => {
    assert.equal((await sqs.count(answers)).visible, 1);
    return sqs.receive(answers);
  });
  assert.deepEqual(JSON.parse(message!.Body!), { id: "p-1", model: "small", text: ANSWER, finishReason: "stop" });
  assert.equal(message!.MessageAttributes?.["correlation-id"]?.StringValue, "p-1");
  // A client that does not heed Retry-After would have been refused more than once.
  assert.deepEqual(
    chat.requests.map(({ status }) => status),
    [429, 200],
  );
  const [{ path, authorization, body }] = chat.requests.slice(1) as [ChatServer["requests"][number]];
  assert.deepEqual([path, authorization], ["POST /v1/chat/completions", `Bearer ${KEY}`]);
  assert.deepEqual(body, { model: "small", stream: true, messages: [{ role: "user", content: "How is the weather?" }] });
  const lines = (await example.logged("genai", "complete")) as readonly { readonly event: string }[];
  assert.deepEqual(
    lines.map(({ event }) => event),
    ANSWER.split("\n"),
  );
});

test("a wrong key fails the run at once, and is not in its error", async (t) => {
  const { chat, example, ask } = await startGenai(t, "sk-wrong");
  await ask({ id: "p-2", prompt: "Anybody there?", model: "large" });
  const [run] = await eventually(async () => {
    const runs = await example.runs("genai");
    assert.equal(runs[0]?.state, "failed");
    return runs;
  });
  assert.deepEqual(
    chat.requests.map(({ status, body }) => [status, body.model]),
    [[401, "large"]],
  );
  const path = `/dags/genai/dagRuns/${encodeURIComponent(run!.dag_run_id)}/taskInstances`;
  const { content } = await example.server.get<{ content: readonly object[] }>(`${path}/complete/logs/1`);
  const log = JSON.stringify(content);
  assert.match(log, /the model's server refused the request: 401 Incorrect API key provided/);
  assert.doesNotMatch(log, /sk-wrong/);
  const { state } = await example.server.get<{ state: string }>(`${path}/reply`);
  assert.equal(state, "upstream_failed");
});
