// What a watcher can be, as the loader sees it: queues by URL, lists of triggers, envelopes, projections.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { DagProject } from "./dag-project.ts";

const file = (watchers: string, options = "", before = ""): string => `
import { defineAsset, defineDag, messageQueue, messageQueueTrigger } from "@millrace/sdk";
import { sqsQueue, sqsTrigger } from "@millrace/sqs";
import { kafkaTrigger } from "@millrace/kafka";
import { z } from "zod";
${before}
const a = defineAsset("a", { watchers: { w: ${watchers} }, ${options} });
export default defineDag("d", { schedule: a }, (dag) => { dag.task("t", () => 1); });
`;
const SQS = "https://sqs.eu-west-1.amazonaws.com/1/q";

async function watcherOf(t: Parameters<typeof DagProject.make>[0], watchers: string): Promise<unknown> {
  const project = await DagProject.make(t, { "d.ts": file(watchers) });
  const pass = await project.loader.load();
  assert.deepEqual(pass.errors, []);
  return pass.files[0]!.assets.find(({ name }) => name === "a")?.watchers[0];
}

test("a queue by its URL becomes its provider's own trigger and destination", async (t) => {
  const triggers = [
    { kind: "kafka", connection: "kafka_default", params: { topics: ["readings"], bootstrapServers: "b:9092" } },
    { kind: "sqs", connection: "aws_default", params: { queueUrl: SQS } },
    { kind: "sqs", connection: "local", params: { queueUrl: "http://127.0.0.1:4566/0/q" } },
  ];
  const list = `[
    messageQueueTrigger({ queue: "kafka://b:9092/readings" }), messageQueueTrigger({ queue: "${SQS}" }),
    messageQueueTrigger({ queue: "http://127.0.0.1:4566/0/q", scheme: "sqs", connection: "local" }),
  ]`;
  assert.deepEqual(await watcherOf(t, list), { name: "w", triggers, unwrap: [], where: null, payload: null });
});

test("a destination by its URL is its provider's own", async (t) => {
  const project = await DagProject.make(t, {
    "d.ts": file("[]".replace("[]", `sqsTrigger({ queueUrl: "${SQS}" })`), "", `messageQueue({ queue: "kafka:///alerts" });`),
  });
  const pass = await project.loader.load();
  assert.deepEqual(pass.errors, []);
  assert.deepEqual(pass.files[0]?.destinations, [{ kind: "kafka", connection: "kafka_default", params: { topic: "alerts" } }]);
});

test("a queue by its URL and its provider's own trigger are equal", async (t) => {
  const other = file(`sqsTrigger({ queueUrl: "${SQS}" })`).replace('defineDag("d"', 'defineDag("e"');
  const project = await DagProject.make(t, { "d.ts": file(`messageQueueTrigger({ queue: "${SQS}" })`), "e.ts": other });
  assert.deepEqual((await project.loader.load()).errors, []);
});

test("a watcher takes options", async (t) => {
  const options = `{ trigger: kafkaTrigger({ topics: ["t"] }), unwrap: "s3", payload: "payload.s3" }`;
  const triggers = [{ kind: "kafka", connection: "kafka_default", params: { topics: ["t"] } }];
  assert.deepEqual(await watcherOf(t, options), { name: "w", triggers, unwrap: ["s3"], where: null, payload: "payload.s3" });
});

const schema = "schema: z.object({ key: z.string() })";
const trigger = `sqsTrigger({ queueUrl: "${SQS}" })`;
const MISTAKES: readonly (readonly [watchers: string, code: string, message: RegExp, hint: RegExp, options?: string])[] = [
  [
    `messageQueueTrigger({ queue: "https://ann:hunter2@sqs.eu-west-1.amazonaws.com/0/q" })`,
    "BAD_TRIGGER",
    /without a login or password(?!.*hunter2)/,
    /in the connection/,
  ],
  [
    `sqsTrigger({ queueUrl: "https://ann:hunter2@sqs.eu-west-1.amazonaws.com/0/q" })`,
    "BAD_TRIGGER",
    /'queueUrl' must match pattern/,
    /what the provider's function asks for/,
  ],
  [`messageQueueTrigger({ queue: "http://127.0.0.1:4566/0/q" })`, "BAD_TRIGGER", /asset 'a': the URL does not say.*'sqs'/, /scheme: "sqs"/],
  [
    `messageQueueTrigger({ queue: "amqp://host/q" })`,
    "BAD_TRIGGER",
    /of no system that an installed provider knows; there are 'sqs' and 'kafka'/,
    /install/,
  ],
  [
    `messageQueueTrigger({ queue: "x", scheme: "sqss" })`,
    "BAD_TRIGGER",
    /no installed provider has the scheme 'sqss'/,
    /did you mean 'sqs'/,
  ],
  [`messageQueueTrigger({ queue: "kafka://readings" })`, "BAD_TRIGGER", /expected a topic after the servers/, /correct the queue's URL/],
  [`messageQueueTrigger({ quue: "x" })`, "BAD_OPTION", /messageQueueTrigger: there is no option 'quue'/, /did you mean 'queue'/],
  [`messageQueueTrigger({ queue: "" })`, "BAD_OPTION", /the URL of a queue, got ''/, /./],
  ["[]", "BAD_OPTION", /at least one trigger/, /./],
  [`[${trigger}, 1]`, "BAD_OPTION", /a trigger, such as kafkaTrigger/, /./],
  [`{ trigger: ${trigger}, unwrap: "s4" }`, "BAD_OPTION", /option 'unwrap': expected "s3", "sns", "eventbridge", "cloudevents"/, /./],
  [`{ trigger: ${trigger}, unwarp: "s3" }`, "BAD_OPTION", /there is no option 'unwarp'/, /did you mean 'unwrap'/],
  [
    `{ trigger: ${trigger}, unwrap: "s3", payload: "{'key': payload.s3.objekt.key}" }`,
    "CEL_INVALID",
    /watcher 'w': payload .* No such key: objekt/,
    /did you mean 'object'/,
    schema,
  ],
  [`{ trigger: ${trigger}, payload: "{'k': payload.k}" }`, "CEL_INVALID", /the asset's schema asks for 'key'/, /./, schema],
  [`${trigger}, v: { trigger: ${trigger}, unwrap: "sns" }`, "BAD_TRIGGER", /'w' and 'v' take the messages of one trigger in two ways/, /./],
  [
    `{ kind: "k", connection: "", params: {}, for: "deferral" }`,
    "BAD_OPTION",
    /expected an event trigger, got 'k, which is only for deferral/,
    /./,
  ],
];
for (const [watchers, code, message, hint, options] of MISTAKES) {
  test(`refused: ${message.source}`, async (t) => {
    const project = await DagProject.make(t, { "d.ts": file(watchers, options) });
    const error = await project.errorOf("d.ts");
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.match(error.hint, hint);
    assert.equal(error.line, 7, error.stack);
  });
}

test("a destination that no provider takes is told", async (t) => {
  const project = await DagProject.make(t, { "d.ts": file(trigger, "", `messageQueue({ queue: "https://example.com/q" });`) });
  const { code, message } = await project.errorOf("d.ts");
  assert.equal(code, "BAD_DESTINATION");
  assert.match(message, /a destination: the URL does not say of which system.*'sqs'/);
});

const own = (kind: string, rest = ""): string =>
  `import { defineAsset, defineDag, defineTrigger } from "@millrace/sdk"; import { z } from "zod";
  export const numbers = defineTrigger({ kind: "${kind}", params: z.object({ from: z.number() }), ${rest} run: async function* () { yield { payload: 1 }; } });`;
const using = (dagId: string, watcher: string): string =>
  `const a = defineAsset("a", { watchers: { w: ${watcher} } }); export default defineDag("${dagId}", { schedule: a }, (dag) => { dag.task("t", () => 1); });`;

test("a trigger of one's own is data like any other, and known by its kind", async (t) => {
  const files = {
    "numbers.ts": own("acme.numbers"),
    "d.ts": `import { defineAsset, defineDag } from "@millrace/sdk"; import { numbers } from "./numbers.ts";\n${using("d", "numbers({ from: 1 })")}`,
    "e.ts": `import { defineAsset, defineDag } from "@millrace/sdk"; import { numbers } from "./numbers.ts";\n${using("e", "numbers({ from: 1 })")}`,
  };
  const project = await DagProject.make(t, files);
  const pass = await project.loader.load();
  assert.deepEqual(pass.errors, []);
  assert.deepEqual(
    pass.files.map(({ file, triggerKinds }) => [file, triggerKinds]),
    [
      ["d.ts", ["acme.numbers"]],
      ["e.ts", ["acme.numbers"]],
      ["numbers.ts", ["acme.numbers"]],
    ],
  );
  assert.deepEqual(pass.files[0]?.assets[0]?.watchers[0]?.triggers, [{ kind: "acme.numbers", connection: "", params: { from: 1 } }]);
});

const OWN_MISTAKES: readonly (readonly [text: string, code: string, message: RegExp])[] = [
  [own("acme.numbers") + using("d", `numbers({ from: "x" })`), "BAD_OPTION", /trigger 'acme.numbers': its params do not fit: from: /],
  [own("numbers"), "BAD_NAME", /expected a kind with a dot in it, such as 'acme.orders', got 'numbers'/],
  [own("acme.numbers", `fro: "deferral",`), "BAD_OPTION", /defineTrigger: there is no option 'fro'/],
  [
    own("acme.numbers", `for: "deferral",`) + using("d", "numbers({ from: 1 })"),
    "BAD_OPTION",
    /event trigger, got 'acme.numbers, which is only for deferral/,
  ],
  [
    own("acme.numbers") + own("acme.numbers").replaceAll("import", "//").replace("numbers =", "more ="),
    "DUPLICATE_TRIGGER",
    /defines two triggers of the kind 'acme.numbers'/,
  ],
  [
    using("d", `{ kind: "acme.other", connection: "", params: {} }`).replace("", own("acme.numbers")),
    "TRIGGER_KIND_UNKNOWN",
    /'acme.other'/,
  ],
];
for (const [text, code, message] of OWN_MISTAKES) {
  test(`refused: ${message.source}`, async (t) => {
    const error = await (await DagProject.make(t, { "d.ts": text })).errorOf("d.ts");
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
  });
}

test("two files cannot define one kind in two ways", async (t) => {
  const project = await DagProject.make(t, {
    "a.ts": own("acme.numbers") + using("d", "numbers({ from: 1 })"),
    "b.ts": own("acme.numbers"),
  });
  const { code, message } = await project.errorOf("b.ts");
  assert.equal(code, "DUPLICATE_TRIGGER");
  assert.match(message, /'a.ts' defines it, and so does 'b.ts'/);
});

const listing = (triggers: string, rest = ""): string => own("acme.numbers", rest) + using("d", triggers);
const SHARED: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ["of one's own", listing("[numbers({ from: 1 }), numbers({ from: 2 })]", 'source: () => "all",'), /read 'all'/],
  [
    "of a provider",
    file(`[${trigger}, sqsTrigger({ queueUrl: "${SQS}", waitTimeSeconds: 1 })]`),
    /read 'https:.*steal each other's messages/,
  ],
  ["of two watchers", file(`${trigger}, v: sqsTrigger({ queueUrl: "${SQS}", waitTimeSeconds: 1 })`), /of asset 'a' .* and asset 'a'/],
  [
    "in one group",
    file(`[kafkaTrigger({ topics: ["t"], groupId: "g" }), kafkaTrigger({ topics: ["t", "u"], groupId: "g" })]`),
    /read 't in the group g'/,
  ],
];
for (const [name, text, message] of SHARED) {
  test(`two different triggers ${name} that read the same are told`, async (t) => {
    const error = await (await DagProject.make(t, { "d.ts": text })).errorOf("d.ts");
    assert.equal(error.code, "QUEUE_SHARED", error.message);
    assert.match(error.message, message);
  });
}

test("two triggers of one's own that read different things are fine", async (t) => {
  const project = await DagProject.make(t, { "d.ts": listing("[numbers({ from: 1 }), numbers({ from: 2 })]") });
  assert.deepEqual((await project.loader.load()).errors, []);
});
