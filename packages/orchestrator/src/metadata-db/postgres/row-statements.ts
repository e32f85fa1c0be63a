import type { QueryConfig } from "pg";
import type { Row } from "../commit/commit-rows.ts";
import { COMMIT_STATEMENTS, type CommitStatementName, type ColumnType, type RowStatement } from "../commit/commit-tables.ts";
import { arrayLiteral, parameterOf } from "./array-literal.ts";

/** One statement for any number of rows: by values for a single one, else by an array for each column. */
export function queryOf(name: CommitStatementName, rows: readonly Row[]): QueryConfig {
  const statement = COMMIT_STATEMENTS[name];
  const [only] = rows;
  if (rows.length === 1 && only !== undefined) {
    return { name: `${name}_1`, text: textOf(name, statement, "single"), values: only.map(parameterOf) };
  }
  const types = Object.values<ColumnType>(statement.columns);
  const values = types.map((type, column) =>
    arrayLiteral(
      type,
      rows.map((row) => row[column]!),
    ),
  );
  return { name: `${name}_n`, text: textOf(name, statement, "several"), values };
}

const texts = new Map<string, string>();

function textOf(name: CommitStatementName, statement: RowStatement, count: "single" | "several"): string {
  const key = `${name} ${count}`;
  const known = texts.get(key);
  if (known !== undefined) return known;
  const text = count === "single" ? singleText(statement) : severalText(statement);
  texts.set(key, text);
  return text;
}

function singleText({ kind, table, columns, keys, onConflict, computed }: RowStatement): string {
  const parameters = Object.entries(columns).map(([name, type], index) => ({ name, value: `$${index + 1}::${type}` }));
  const found = parameters.filter(({ name }) => keys.includes(name)).map(({ name, value }) => `t.${name} = ${value}`);
  if (kind === "delete") return `DELETE FROM ${table} AS t WHERE ${found.join(" AND ")}`;
  if (kind === "update") {
    const set = parameters.filter(({ name }) => !keys.includes(name)).map(({ name, value }) => `${name} = ${value}`);
    return `UPDATE ${table} AS t SET ${[...set, ...computedOf(computed)].join(", ")} WHERE ${found.join(" AND ")}`;
  }
  return `INSERT INTO ${table} (${namesOf(columns)}) VALUES (${parameters.map(({ value }) => value).join(", ")}) ${onConflict}`;
}

function severalText({ kind, table, columns, keys, onConflict, computed }: RowStatement): string {
  const arrays = Object.values(columns).map((type, index) => `$${index + 1}::${type}[]`);
  const rows = `unnest(${arrays.join(", ")}) AS u (${namesOf(columns)})`;
  const found = keys.map((key) => `t.${key} = u.${key}`).join(" AND ");
  if (kind === "delete") return `DELETE FROM ${table} AS t USING ${rows} WHERE ${found}`;
  if (kind === "update") {
    const set = Object.keys(columns).flatMap((name) => (keys.includes(name) ? [] : [`${name} = u.${name}`]));
    return `UPDATE ${table} AS t SET ${[...set, ...computedOf(computed)].join(", ")} FROM ${rows} WHERE ${found}`;
  }
  return `INSERT INTO ${table} (${namesOf(columns)}) SELECT * FROM ${rows} ${onConflict}`;
}

function namesOf(columns: RowStatement["columns"]): string {
  return Object.keys(columns).join(", ");
}

function computedOf(computed: RowStatement["computed"]): readonly string[] {
  return Object.entries(computed).map(([name, expression]) => `${name} = ${expression}`);
}
