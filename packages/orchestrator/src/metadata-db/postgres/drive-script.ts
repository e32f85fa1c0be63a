import type { Script, SqlRow, SqlValue } from "../sql-script.ts";
import { parameterOf } from "./array-literal.ts";

/** How a statement is sent: `$1`, `$2` … stand for its parameters. */
export type SendStatement = (text: string, parameters: readonly SqlValue[]) => Promise<readonly SqlRow[]>;

/** Texts with `?` as PostgreSQL wants them: the code has few. */
const texts = new Map<string, string>();

/** Runs a script to its end, a round trip for each statement. */
export async function driveScript<T>(script: Script<T>, send: SendStatement): Promise<T> {
  let step = script.next();
  while (step.done !== true) {
    const { sql, parameters } = step.value;
    step = script.next(await send(numberParameters(sql), parameters.map(parameterOf)));
  }
  return step.value;
}

/** `?` becomes `$1`, `$2` … */
function numberParameters(sql: string): string {
  let text = texts.get(sql);
  if (text === undefined) {
    let count = 0;
    text = sql.replaceAll("?", () => `$${(count += 1)}`);
    texts.set(sql, text);
  }
  return text;
}
