import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { DEFINITION_ERRORS } from "@millrace/sdk/internal";
import { KAFKA_ERROR_CODES } from "../../providers/kafka/src/error.ts";
import { SQS_ERROR_CODES } from "../../providers/sqs/src/error.ts";
import type { Command } from "commander";
import { createProgram } from "../src/cli/create-program.ts";
import { CLIENT_VARIABLES } from "../src/config/client-config.ts";
import { loadConfig, OPTIONS } from "../src/config/config.ts";
import { WORKER_OPTIONS } from "../src/config/worker-config.ts";
import { IMPORT_ERRORS } from "../src/dag-loader/import-error.ts";
import { ERRORS } from "../src/domain/errors.ts";
import { DEAD_LETTER_REASONS } from "../src/domain/ingest-unit.ts";
import { TRIGGER_HOST_ERROR_CODES } from "../src/trigger-host/host-errors.ts";
import { EVALUATION_ERRORS } from "../src/worker/evaluation-errors.ts";
import { startApi } from "./api-harness.ts";

const read = (name: string): string => readFileSync(new URL(`../../../docs/reference/${name}`, import.meta.url), "utf8");

/** The cells of the table rows whose first cell matches. */
function rows(text: string, first: RegExp): string[][] {
  const lines = text.split("\n").filter((line) => line.startsWith("| "));
  return lines
    .map((line) =>
      line
        .slice(2, -2)
        .split(" | ")
        .map((cell) => cell.trim()),
    )
    .filter(([cell]) => first.test(cell!));
}

const [raised = "", imported = "", watchers = "", deadLetters = ""] = read("errors.md").split(/^## .+$/m);

test("errors.md has every code, with its status and hint, and no other", () => {
  const written = rows(raised, /^`[A-Z_]+`$/).map(([code, status, , hint]) => [code!.slice(1, -1), Number(status), hint]);
  const known = Object.entries(ERRORS).map(([code, { status, hint }]) => [code, status, hint]);
  assert.deepEqual(written, known);
});

test("errors.md has every import error, with its hint, and no other", () => {
  const written = rows(imported, /^`[A-Z_]+`$/).map(([code, , hint]) => [code!.slice(1, -1), hint]);
  assert.deepEqual(written, Object.entries({ ...IMPORT_ERRORS, ...EVALUATION_ERRORS, ...DEFINITION_ERRORS }));
});

test("errors.md has every error of a provider, and no other", () => {
  const providers = { kafka: KAFKA_ERROR_CODES, sqs: SQS_ERROR_CODES };
  const written = rows(watchers, /^`[A-Z_]+`$/).map(([code, from]) => [code!.slice(1, -1), from!.split(", ")] as const);
  for (const [name, codes] of Object.entries(providers)) {
    assert.deepEqual(written.flatMap(([code, from]) => (from.includes(name) ? [code] : [])).toSorted(), codes.toSorted());
    assert.deepEqual(
      thrownIn(name).filter((code) => !codes.some((known) => known === code)),
      [],
    );
  }
  const others = written.filter(([, from]) => !from.some((name) => name in providers));
  const ofHosts = TRIGGER_HOST_ERROR_CODES.map((code) => [code, ["your own triggers"]]);
  assert.deepEqual(others, [["POSITION_GAP", ["triggerer"]], ...ofHosts]);
});

/** The codes that the sources of a provider raise themselves; `explain` is bound to the list by its type. */
function thrownIn(provider: string): string[] {
  const folder = new URL(`../../providers/${provider}/src/`, import.meta.url);
  const sources = readdirSync(folder).filter((name) => !name.endsWith(".test.ts"));
  const codes = sources.flatMap((name) => [...readFileSync(new URL(name, folder), "utf8").matchAll(/new TriggerError\(\s*"([A-Z_]+)"/g)]);
  assert.notEqual(codes.length, 0);
  return codes.map(([, code]) => code!);
}

test("errors.md has every reason of a dead letter, and no other", () => {
  const written = rows(deadLetters, /^`[A-Z_]+`$/).map(([reason]) => reason!.slice(1, -1));
  assert.deepEqual(written, [...DEAD_LETTER_REASONS]);
});

test("configuration.md has every flag and variable, and no other", () => {
  const text = read("configuration.md");
  const namesIn = (part: string): unknown => {
    const lines = part.split("\n").filter((line) => /^\| .*`MILLRACE_/.test(line));
    return lines.map((line) => [/`(--[a-z-]+)`/.exec(line)?.[1] ?? null, /`(MILLRACE_[A-Z_]+)`/.exec(line)?.[1]]);
  };
  const [ofServer = "", ofWorker = ""] = text.split("## Workers on other machines");
  for (const [part, options] of [
    [ofServer, OPTIONS],
    [ofWorker, WORKER_OPTIONS],
  ] as const)
    assert.deepEqual(
      namesIn(part),
      Object.values(options).map(({ flag, variable }) => [flag, variable]),
    );
  const { port, host, backlogLimit } = loadConfig({});
  for (const value of [port, host, backlogLimit]) assert.ok(text.includes(`| \`${value}\` |`), String(value));
});

test("every flag of configuration.md is one of `millrace standalone`", () => {
  const standalone = leaves(createProgram({ env: {}, setExitCode: () => undefined })).get("millrace standalone")!;
  const flags = standalone.options.map(({ long }) => String(long)).toSorted();
  assert.deepEqual(
    flags,
    Object.values(OPTIONS)
      .flatMap(({ flag }) => flag ?? [])
      .toSorted(),
  );
  for (const { flag, variable } of Object.values(OPTIONS)) {
    const option = standalone.options.find(({ long }) => long === flag);
    if (flag !== null) assert.ok(option?.description.includes(variable), `${flag} names ${variable}`);
  }
});

test("cli.md has every command and its own options, and no other command", () => {
  const text = read("cli.md");
  const documented = rows(text, /^`millrace /).map(([command, what]) => ({ name: /^`([^`]+)`/.exec(command!)![1]!, what: what! }));
  const commands = leaves(createProgram({ env: {}, setExitCode: () => undefined }));
  assert.deepEqual(
    documented.map(({ name }) => name),
    [...commands.keys()],
  );
  const isServer = (name: string): boolean =>
    ["standalone", "scheduler", "triggerer", "api-server"].includes(name.replace("millrace ", ""));
  for (const { name, what } of documented.filter((row) => !isServer(row.name))) {
    for (const { long } of commands.get(name)!.options) {
      assert.ok(what.includes(`\`${long}\``) || ["--output", "--server", "--token"].includes(long!), `${name} ${long}`);
    }
  }
  for (const variable of Object.values(CLIENT_VARIABLES)) assert.ok(text.includes(`\`${variable}\``));
});

test("rest.md has every route with its role, and no other", async (t) => {
  const { address } = await startApi(t);
  const document = (await (await fetch(`${address}/openapi.json`)).json()) as { paths: Record<string, Record<string, unknown>> };
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const documented = rows(read("rest.md"), /^`(GET|POST|PATCH|DELETE) /).map(([route, role]) => ({
    route: route!.slice(1, -1),
    role: role!,
  }));
  assert.deepEqual(documented.map(({ route }) => route).toSorted(), [...routes, "GET /openapi.json"].toSorted());
  for (const { route, role } of documented) {
    const [method, path] = route.split(" ") as [string, string];
    const { status } = await fetch(address + path.replaceAll(/\{[^}]+\}/g, "1"), { method });
    assert.equal(status === 401, role !== "public", route);
  }
});

function leaves(command: Command, path = "millrace"): Map<string, Command> {
  if (command.commands.length === 0) return new Map([[path, command]]);
  return new Map(command.commands.flatMap((child) => [...leaves(child, `${path} ${child.name()}`)]));
}
