// What the README, the guides and the examples' pages say is tried out: their code, their commands, their links.
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { test, type TestContext } from "node:test";
import { z } from "zod";
import { checkPredicate, compilePredicate } from "../packages/orchestrator/src/domain/cel.ts";
import { type MarkdownBlock, markdownBlocks } from "./markdown-blocks.ts";
import { startExample } from "./start-example.ts";

const ROOT = join(import.meta.dirname, "..");
const MILLRACE = join(ROOT, "packages/orchestrator/bin/millrace.js");
const PAGES = globSync(["README.md", "CONTRIBUTING.md", "docs/**/*.md", "examples/*/README.md", "packages/*/README.md"], { cwd: ROOT });
const TRIED_PAGES = PAGES.filter((page) => /^(README|docs\/guides\/|examples\/)/.test(page));

function blocksOf(page: string, language: string): readonly MarkdownBlock[] {
  return markdownBlocks(join(ROOT, page)).filter((block) => block.language === language);
}

/** A project of the pages' snippets, one file each. */
function snippetProject(t: TestContext): { readonly folder: string; readonly files: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), "millrace-pages-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "dags"));
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  const files = TRIED_PAGES.flatMap((page) =>
    blocksOf(page, "ts").map(({ text, line }) => {
      const file = `dags/${page.replaceAll(/[/.]/g, "-")}-${line}.ts`;
      writeFileSync(join(folder, file), text);
      return file;
    }),
  );
  return { folder, files };
}

test("the pages' TypeScript is what the compiler accepts", (t) => {
  const { folder, files } = snippetProject(t);
  assert.ok(files.length >= 5);
  const config = {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: { typeRoots: [join(ROOT, "node_modules/@types")] },
    include: ["dags"],
    exclude: [],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const { status, stdout } = spawnSync(join(ROOT, "node_modules/.bin/tsc"), ["--noEmit", "-p", folder], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});

test("the pages' DAGs load, together", async (t) => {
  const { folder, files } = snippetProject(t);
  const { server } = await startExample(t, relative(join(ROOT, "examples"), join(folder, "dags")), {}, { needsWatchers: false });
  const { total_entries: dags } = await server.get<{ total_entries: number }>("/dags");
  assert.ok(dags >= files.length, `${dags} DAGs from ${files.length} snippets`);
});

const README_CODE = markdownBlocks(join(ROOT, "README.md")).filter(({ language }) => language === "ts" || language === "python");

/** `millrace dags test` of a DAG of the README. */
function testReadmeDag(t: TestContext, text: string, event: unknown): string {
  const { folder } = snippetProject(t);
  const file = join(folder, "dags", "tried.ts");
  writeFileSync(file, text);
  const args = [MILLRACE, "dags", "test", file, "--event", JSON.stringify(event)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

test("the README's DAG alerts as it says", (t) => {
  const alert = README_CODE.find(({ text }) => text.includes(`defineDag("iot_alert"`));
  assert.match(testReadmeDag(t, alert!.text, { sensor: "oven-3", celsius: 90 }), /alert.*publishes.*"risk":0\.75/);
});

test("the README's DAGs beside Airflow's are as short, watch the same queue, and print what arrives", (t) => {
  const pairs = README_CODE.flatMap((block, at) => (block.language === "python" ? [[block.text, README_CODE[at + 1]!.text] as const] : []));
  assert.equal(pairs.length, 2);
  for (const [airflow, ours] of pairs) {
    for (const text of [airflow, ours]) assert.ok(text.trimEnd().split("\n").length <= 15, text);
    const named = (text: string): readonly (string | undefined)[] =>
      [/queue[=:] ?"(.+?)"/, /(?:DAG|defineDag)\("(\w+)"/, /(?:Asset|defineAsset)\("(\w+)"/].map((pattern) => pattern.exec(text)?.[1]);
    assert.deepEqual(named(ours), named(airflow));
    assert.match(testReadmeDag(t, ours, { id: "o-17" }), /print_order.*INFO.*o-17/);
  }
});

/** `cd`, comments and what is typed before a command (`NAME=value`) aside: the commands of a shell block, one a line. */
function commandsOf({ text }: MarkdownBlock): readonly string[] {
  return text
    .replaceAll("\\\n", " ")
    .replaceAll(/='[^']*'/g, (value) => value.replaceAll("\n", " "))
    .replaceAll(/"[^"\n]*"/g, (value) => value.replaceAll("&&", "and"))
    .split(/\n|&&/)
    .map((line) => line.trim().replace(/^([A-Z_]+=\S+ +)+/, ""))
    .filter((line) => line !== "" && !line.startsWith("#"));
}

const helps = new Map<string, string>();

function helpOf(words: readonly string[]): string {
  const name = words.join(" ");
  const known = helps.get(name) ?? printHelp(words);
  helps.set(name, known);
  return known;
}

function printHelp(words: readonly string[]): string {
  const { status, stdout } = spawnSync(process.execPath, [MILLRACE, ...words, "--help"], { encoding: "utf8" });
  assert.equal(status, 0, `there is no command 'millrace ${words.join(" ")}'`);
  return stdout;
}

const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: Record<string, string> };

function checkCommand(command: string): void {
  const [program = "", ...words] = command.split(/ +/);
  if (program === "npm") {
    const name = words[0] === "run" ? words[1]! : words[0]!;
    assert.ok(name === "ci" || name in scripts, `there is no npm script for '${command}'`);
  } else if (program === "npx" && words[0] === "node") {
    assert.ok(existsSync(join(ROOT, words[1]!)), `there is no file for '${command}'`);
  } else if (program === "npx") {
    assert.equal(words.shift(), "millrace", command);
    const isGroup = helpOf(words.slice(0, 1)).includes(`millrace ${words[0]} [options] [command]`);
    const names = words.slice(0, isGroup ? 2 : 1);
    const help = helpOf(names);
    assert.ok(help.includes(`millrace ${names.join(" ")}`), `there is no command '${command}'`);
    for (const option of command.matchAll(/ (--[a-z-]+)/g))
      assert.ok(help.includes(` ${option[1]} `), `${command}: no option ${option[1]}`);
  } else if (/^(node_modules\/\.bin\/)?node$/.test(program)) {
    assert.ok(existsSync(join(ROOT, words[0]!)), `there is no file for '${command}'`);
  } else {
    assert.ok(["curl", "export", "openssl"].includes(program), `a page names a command that is not known here: ${command}`);
  }
}

test("the commands that pages name exist, with their options", () => {
  const commands = TRIED_PAGES.flatMap((page) => blocksOf(page, "sh").flatMap(commandsOf));
  assert.ok(commands.length > 15);
  for (const command of new Set(commands)) checkCommand(command);
});

/** As GitHub makes the anchor of a heading. */
function anchorsOf(page: string): readonly string[] {
  const headings = [...pageText(page).matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** Without its code. */
function pageText(page: string): string {
  return readFileSync(join(ROOT, page), "utf8").replaceAll(/^```.*?^```$/gms, "");
}

test("links between pages lead somewhere, also to a heading", () => {
  const dead = PAGES.flatMap((page) => {
    const links = [...pageText(page).matchAll(/\]\(([^)#\s]*)(?:#([^)\s]+))?[^)]*\)/g)].filter(
      ([, target = ""]) => !/^https?:/.test(target),
    );
    const isDead = ([, target = "", anchor]: RegExpExecArray): boolean => {
      const path = target === "" ? page : join(dirname(page), target);
      return !existsSync(join(ROOT, path)) || (anchor !== undefined && !anchorsOf(path).includes(anchor));
    };
    return links.filter(isDead).map(([link]) => `${page}: ${link}`);
  });
  assert.deepEqual(dead, []);
});

test("the architecture's map has every folder of the orchestrator's sources, and no other", () => {
  const map = readFileSync(join(ROOT, "docs/architecture.md"), "utf8");
  const named = [...map.matchAll(/^ {4}src\/([\w-]+)\/ /gm)].map((match) => match[1]!);
  const folders = readdirSync(join(ROOT, "packages/orchestrator/src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.deepEqual(named.toSorted(), folders.map(({ name }) => name).toSorted());
});

test("the index of the documentation has every guide and reference page", () => {
  const index = readFileSync(join(ROOT, "docs/README.md"), "utf8");
  const pages = globSync(["guides/*.md", "reference/*.md"], { cwd: join(ROOT, "docs") });
  assert.deepEqual(
    pages.filter((page) => !index.includes(`(${page})`)),
    [],
  );
});

const orderSchema = z.toJSONSchema(
  z.object({
    id: z.string(),
    total: z.number(),
    country: z.string().optional(),
    tags: z.array(z.string()),
    items: z.array(z.object({ sku: z.string(), count: z.number() })),
  }),
  { io: "input" },
);

/** Rows of the tables whose first heading is `expression`: its first two cells, without backticks. */
function expressionRows(second: string): readonly (readonly [string, string])[] {
  const text = readFileSync(join(ROOT, "docs/guides/filters.md"), "utf8");
  const table = text.slice(text.indexOf(`| expression | ${second} |`)).split("\n\n")[0]!;
  const rows = [...table.matchAll(/^\| `(.+?)` \| (.+?) \|$/gm)];
  return rows.map((row) => [row[1]!.replaceAll("\\|", "|"), row[2]!.replaceAll("`", "")]);
}

test("the filters' guide says what is true", () => {
  const payload = JSON.parse(blocksOf("docs/guides/filters.md", "json")[0]!.text) as unknown;
  const rows = expressionRows("remark");
  assert.ok(rows.length > 10);
  for (const [expression] of rows) {
    assert.equal(checkPredicate(expression, orderSchema), null, expression);
    assert.equal(compilePredicate(expression)({ payload, headers: { kind: "order" }, key: "k1", asset: "orders" }), true, expression);
  }
});

test("the filters' guide says what is refused", () => {
  const rows = expressionRows("message");
  assert.equal(rows.length, 4);
  for (const [expression, message] of rows) assert.ok(checkPredicate(expression, orderSchema)?.includes(message), expression);
});
