// Who may import whom (docs/architecture.md). The linter says the same while one types; this survives a change of linter.
import { strict as assert } from "node:assert";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SRC = "packages/orchestrator/src";

/** Folders of the orchestrator that a folder may import from, beside itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  telemetry: ["domain"],
  config: ["domain"],
  "metadata-db": ["domain", "telemetry"],
  "dag-loader": ["domain", "telemetry"],
  triggerer: ["domain", "telemetry"],
  "trigger-host": ["domain", "telemetry"],
  scheduler: ["domain", "telemetry"],
  executors: ["domain", "telemetry"],
  worker: ["domain", "telemetry"],
  relay: ["domain", "telemetry"],
  retention: ["domain", "telemetry"],
  api: ["domain", "telemetry"],
  cli: [
    "domain",
    "telemetry",
    "config",
    "metadata-db",
    "dag-loader",
    "triggerer",
    "trigger-host",
    "scheduler",
    "executors",
    "worker",
    "relay",
    "retention",
    "api",
  ],
};

/** Packages that a folder may import, where that is not everything; docs/adr names the libraries of domain/. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  domain: /^(@millrace\/sdk\/provider|@marcbachmann\/cel-js|re2js|croner|ajv\/.*|kysely|node:crypto)$/,
  config: /^(@millrace\/sdk\/provider|node:.*)$/,
};

interface Import {
  readonly file: string;
  readonly target: string;
}

function importsOf(folder: string): readonly Import[] {
  const files = globSync(`${folder}/**/*.ts`, { cwd: ROOT, exclude: (path) => path.includes("node_modules") }).filter(
    (file) => !/\.test(suite)?\.ts$/.test(file),
  );
  return files.flatMap((file) => {
    const text = readFileSync(join(ROOT, file), "utf8");
    const found = text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;"']*?from\s+"([^"]+)"|import\("([^"]+)"\)|(?:^|\n)import\s+"([^"]+)"/g);
    return [...found].map((match) => ({ file, target: (match[1] ?? match[2] ?? match[3])! }));
  });
}

function folderOf(file: string): string {
  return relative(SRC, file).split("/")[0]!;
}

test("every folder of the orchestrator has its import rule", () => {
  const folders = [...new Set(globSync(`${SRC}/*/**/*.ts`, { cwd: ROOT }).map(folderOf))].sort();
  assert.deepEqual(folders, Object.keys(ALLOWED).sort());
});

for (const [folder, allowed] of Object.entries(ALLOWED)) {
  test(`${folder}/ imports from ${["itself", ...allowed].join(", ")} alone`, () => {
    const wrong = importsOf(`${SRC}/${folder}`).filter(({ file, target }) => {
      if (!target.startsWith(".")) return PACKAGES[folder]?.test(target) === false;
      const other = folderOf(relative(ROOT, resolve(ROOT, dirname(file), target)));
      return other !== folder && !allowed.includes(other);
    });
    assert.deepEqual(wrong, []);
  });
}

test("the SDK imports nothing but itself", () => {
  assert.deepEqual(
    importsOf("packages/sdk/src").filter(({ target }) => !target.startsWith("./")),
    [],
  );
});

test("a provider's first door has no client", () => {
  for (const provider of ["kafka", "sqs"]) {
    const reached = new Set<string>();
    const visit = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const { target } of importsOf(dirname(file)).filter((found) => found.file === file)) {
        if (target.startsWith(".")) visit(relative(ROOT, resolve(ROOT, dirname(file), target)));
        else assert.match(target, /^@millrace\/sdk/, `${file} imports ${target}`);
      }
    };
    visit(`packages/providers/${provider}/src/index.ts`);
  }
});

test("providers import the SDK, their client and Node, never the orchestrator", () => {
  const wrong = importsOf("packages/providers").filter(
    ({ target }) => !/^(\.|node:|@millrace\/(sdk|test-services)|@aws-sdk\/|@platformatic\/kafka|re2js$)/.test(target),
  );
  assert.deepEqual(wrong, []);
});
