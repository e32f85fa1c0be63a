// What a user does outside this repository: installs the tarballs, makes a project, tests it, runs it.
import { strict as assert } from "node:assert";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually, skipWithout, startKafka } from "@millrace/test-services";
import { markdownBlocks } from "../markdown-blocks.ts";
import { makeModel } from "./onnx/make-model.ts";
import { packPackages } from "./pack-packages.ts";
import { UserShell } from "./user-shell.ts";

const ROOT = join(import.meta.dirname, "../..");
const INSTALL = "npm install --ignore-scripts --no-audit --no-fund --prefer-offline";

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-project-"));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

test("the templates' DAGs are the hello examples", () => {
  for (const name of ["sqs", "kafka"]) {
    const template = join(ROOT, `packages/orchestrator/templates/${name}/dags/hello-${name}.ts`);
    assert.equal(readFileSync(template, "utf8"), readFileSync(join(ROOT, `examples/hello-${name}/hello-${name}.ts`), "utf8"));
  }
});

test("the model beside the script that makes it is what it makes", () => {
  assert.deepEqual(readFileSync(join(import.meta.dirname, "onnx/double.onnx")), Buffer.from(makeModel()));
});

test("a project of one's own, from the tarballs", { skip: skipWithout("npm-registry") }, async (t) => {
  const folder = makeFolder(t);
  const shell = new UserShell(folder, { MILLRACE_PORT: "0" });
  const packages = join(folder, "packages");
  const tarballs = packPackages(packages);
  const installed = join(folder, "installed");
  const project = join(folder, "my-project");
  mkdirSync(installed);
  writeFileSync(join(installed, "package.json"), "{}");

  await t.test("tarballs hold what a user needs and nothing else", () => {
    for (const tarball of tarballs) checkTarball(tarball);
  });

  await t.test("they install, and millrace init makes a project and says what is next", () => {
    shell.run(`${INSTALL} ${tarballs.join(" ")}`, installed);
    const next = shell.run("npx millrace init ../my-project --packages ../packages", installed);
    assert.match(next, /with Node 24\.6 or newer\n +cd \.\.\/my-project\n +npm install\n +npm test\n +npm run queue .*\n +npm start\n/);
    const again = shell.try("npx millrace init ../my-project", installed);
    assert.equal(again.status, 2);
    assert.match(again.output, /error: expected a new or an empty folder, got '.*my-project', which holds '/);
  });

  await t.test("a bare folder of DAG files needs no install", () => {
    const bare = join(folder, "bare");
    mkdirSync(bare);
    copyFileSync(join(ROOT, "examples/hello-sqs/hello-sqs.ts"), join(bare, "hello-sqs.ts"));
    const out = shell.run(`../installed/node_modules/.bin/millrace dags test hello-sqs.ts --event '"hello"'`, bare);
    assert.match(out, /a message came/);
    writeFileSync(join(bare, "typo.ts"), `import { z } from "zodd";\nexport default z;\n`);
    const missing = shell.try("../installed/node_modules/.bin/millrace dags test typo.ts", bare);
    assert.match(missing.output, /UNRESOLVED_IMPORT[^]*zodd[^]*hint: .*npm install zodd/);
  });

  await t.test("a project's copy of the SDK works with the server's", () => {
    const separate = join(folder, "separate");
    const sdk = tarballs.find((tarball) => basename(tarball).startsWith("millrace-sdk-"))!;
    mkdirSync(separate);
    writeFileSync(join(separate, "package.json"), "{}");
    shell.run(`${INSTALL} ${sdk}`, separate);
    writeFileSync(join(separate, "copies.ts"), COPIES_DAG);
    const { status, output } = shell.try("../installed/node_modules/.bin/millrace dags test copies.ts", separate);
    assert.equal(status, 1);
    assert.match(output, /imported from \S*\/separate\/node_modules\/@millrace\/sdk\//);
    assert.match(output, /event of asset 'made'/);
    assert.match(output, /skip +INFO +skipped: not today/);
    // The stack is the author's alone.
    assert.match(
      output,
      /fail +failed after \d+ ms, try 1 of 3\nfail +FailTask: no more\nfail +at Object\.run \(\S*\/copies\.ts:7:\d+\)\nrun: /,
    );
  });

  await t.test("a Node that is too old gets one sentence", { skip: skipWithoutOldNode() }, () => {
    const { status, stderr, stdout } = spawnSync(findOldNode()!, [join(installed, "node_modules/.bin/millrace"), "--version"], {
      encoding: "utf8",
    });
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^millrace needs Node 24\.6 or newer, this is [\d.]+: install Node 24 and try again\n$/);
    // Node 20 knows no tests in TypeScript: without a pattern it would find none, and be content.
    const { scripts } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { scripts: { test: string } };
    const command = scripts.test.replace(/^node/, `"${findOldNode()}"`);
    assert.equal(shell.try(command, project).status, 1);
  });

  await t.test("its install, its test and its type check pass as its README says", () => {
    const [commands] = readmeCommands(project);
    assert.match(commands!, /^npm install\nnpm test\nnpm run check$/);
    // What the test's machine has need not be asked for again.
    shell.run(commands!.replace("npm install", INSTALL), project);
    // For the next two, at once: an install takes seconds.
    shell.run(`${INSTALL} zod onnxruntime-node@1.30.0`, project);
    assert.deepEqual(
      readdirSync(project)
        .filter((name) => name.startsWith("."))
        .toSorted(),
      [".env", ".gitignore"],
    );
  });

  await t.test("the compiler knows the packages' types", () => {
    const mistake = `import { defineAsset, defineDag, each } from "@millrace/sdk";
import { z } from "zod";
const a = defineAsset("a", { schema: z.object({ celsius: z.number() }) });
export default defineDag("mistake", { schedule: each(a, { where: "payload.celcius > 80" }) }, () => {});
`;
    writeFileSync(join(project, "dags/mistake.ts"), mistake);
    const { status, output } = shell.try("npm run check", project);
    assert.notEqual(status, 0);
    assert.match(output, /dags\/mistake\.ts\(4,[^]*payload\.celsius > 80/);
    rmSync(join(project, "dags/mistake.ts"));
  });

  await t.test("onnxruntime-node works while a DAG file is imported, and in its task", () => {
    copyFileSync(join(import.meta.dirname, "onnx/double.onnx"), join(project, "dags/double.onnx"));
    writeFileSync(join(project, "dags/double.ts"), ONNX_DAG);
    assert.match(shell.run("npx millrace dags test dags/double.ts", project), /double +success .*→ \[3,-5\]/);
    rmSync(join(project, "dags/double.ts"));
  });

  await t.test("the Kafka project's commands run its DAG", { skip: skipWithout("kafka") }, async (t) => {
    const kafkaProject = join(folder, "kafka-project");
    shell.run("npx millrace init ../kafka-project --template kafka", installed);
    // The same packages, without another install.
    symlinkSync(join(installed, "node_modules"), join(kafkaProject, "node_modules"));
    const kafka = await startKafka();
    t.after(() => kafka.stop());
    await kafka.client.createTopic({ name: "hello", partitions: 1 });
    replaceIn(join(kafkaProject, ".env"), "127.0.0.1:9092", kafka.url);
    const [, start, send, look] = readmeCommands(kafkaProject) as [string, string, string, string];
    const server = shell.start(t, start, kafkaProject);
    await eventually(() => assert.match(server.output(), /^Next [^]*streaming/m));
    shell.run(send, kafkaProject);
    await eventually(() => assert.match(shell.run(look, kafkaProject), /success[^]*a message came {"payload":{"name":"Ada"}}/));
  });

  await t.test("its README's commands run its DAG", async (t) => {
    const port = String(await freePort());
    for (const name of [".env", "queue.ts", "README.md"]) replaceIn(join(project, name), "4566", port);
    const [, queue, start, send, look] = readmeCommands(project) as [string, string, string, string, string];
    shell.start(t, queue, project);
    await eventually(async () => assert.ok((await fetch(`http://127.0.0.1:${port}/health`)).ok));
    const server = shell.start(t, start, project);
    await eventually(() => assert.match(server.output(), /^Next /m));
    assert.match(server.output(), /sqs_greetings\.sqs_watcher \(sqs, aws_default\)/);
    shell.run(send, project);
    await eventually(() => assert.match(shell.run(look, project), /success[^]*a message came {"payload":"hello from SQS"}/));
  });
});

const COPIES_DAG = `import { defineAsset, defineDag, fail, skip } from "@millrace/sdk";
const made = defineAsset("made");
export default defineDag("copies", { retries: 2 }, (dag) => {
  const say = dag.task("say", { outlets: [made] }, ({ log }) => log.info("imported from " + import.meta.resolve("@millrace/sdk")));
  const skipped = dag.task("skip", { after: [say] }, () => skip("not today"));
  dag.task("never", { after: [skipped] }, () => 1);
  dag.task("fail", { after: [say] }, () => fail("no more"));
});
`;

const ONNX_DAG = `import { InferenceSession, Tensor } from "onnxruntime-node";
import { fileURLToPath } from "node:url";
import { defineDag } from "@millrace/sdk";
const model = fileURLToPath(new URL("double.onnx", import.meta.url));
await InferenceSession.create(model);
export default defineDag("double", {}, (dag) => {
  dag.task("double", async () => {
    const session = await InferenceSession.create(model);
    const { y } = await session.run({ x: new Tensor("float32", [1.5, -2.5], [2]) });
    return [...(y!.data as Float32Array)];
  });
});
`;

function checkTarball(tarball: string): void {
  const files = execFileSync("tar", ["tzf", tarball], { encoding: "utf8" }).trim().split("\n");
  const name = basename(tarball);
  for (const file of ["LICENSE", "README.md", "package.json"]) assert.ok(files.includes(`package/${file}`), `${name} has no ${file}`);
  const sources = files.filter((file) => /\.test\.|\.check\.|\/src\/|(?<!\.d)\.ts$/.test(file) && !file.startsWith("package/templates/"));
  assert.deepEqual(sources, []);
  const text = execFileSync("tar", ["xzOf", tarball, "package/package.json"], { encoding: "utf8" });
  assert.doesNotMatch(text, /devDependencies|\.\/src\/|workspace:|node-linux|"file:/);
}

/** Its README's blocks for a shell. */
function readmeCommands(project: string): readonly string[] {
  const blocks = markdownBlocks(join(project, "README.md")).filter(({ language }) => language === "sh");
  return blocks.map(({ text }) => text.trimEnd());
}

function replaceIn(file: string, from: string, to: string): void {
  writeFileSync(file, readFileSync(file, "utf8").replaceAll(from, to));
}

/** The first Node below 24 on this machine. */
function findOldNode(): string | null {
  const nodes = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"].map((folder) => join(folder, "node"));
  const isOld = (node: string): boolean =>
    existsSync(node) && Number(/\d+/.exec(execFileSync(node, ["--version"], { encoding: "utf8" }))?.[0]) < 24;
  return nodes.find(isOld) ?? null;
}

function skipWithoutOldNode(): string | false {
  return findOldNode() === null ? "there is no Node below 24 on this machine" : false;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
