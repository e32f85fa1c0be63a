// The service that Restate calls: `node restate-child.ts <SDK's module> <port> <starts> <tasks>`.
import { recordStart } from "../recorder.ts";

interface Context {
  /** A durable step: its result is stored before the next one begins. */
  run<Value>(name: string, step: () => Value): Promise<Value>;
}

interface Sdk {
  service(definition: { name: string; handlers: Record<string, (context: Context, reading: Reading) => Promise<number>> }): object;
  serve(options: { services: readonly object[]; port: number }): Promise<number>;
}

interface Reading {
  readonly n: number;
  readonly t: number;
  readonly celsius: number;
}

const [module, port, starts, tasks] = process.argv.slice(2) as [string, string, string, string];
const sdk = (await import(module)) as Sdk;

async function evaluate(context: Context, { n, t, celsius }: Reading): Promise<number> {
  if (celsius <= 80) return 0;
  let value = await context.run("one", () => {
    recordStart(starts, n, t);
    return 1;
  });
  if (tasks === "1") return value;
  value = await context.run("two", () => value + 1);
  return context.run("three", () => value + 1);
}

await sdk.serve({ services: [sdk.service({ name: "bench", handlers: { evaluate } })], port: Number(port) });
process.send!("ready");
