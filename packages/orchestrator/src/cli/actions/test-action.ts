import { resolve } from "node:path";
import type { CommandContext } from "../create-program.ts";
import { EXIT } from "../exit-code.ts";
import { readJsonArgument, readObjectArgument } from "../read-json-argument.ts";

interface TestOptions {
  readonly event?: string;
  readonly conf?: string;
}

/** `millrace dags test`: exit code 1 where the run failed or the event was filtered out. */
export async function testDagFile(
  { env, setExitCode }: CommandContext,
  file: string,
  dagId: string | undefined,
  options: TestOptions,
): Promise<void> {
  const payload = await readJsonArgument("--event", options.event);
  const params = await readObjectArgument("--conf", options.conf);
  const { testDag } = await import("../server/test-dag.ts");
  const isSuccess = await testDag({ file: resolve(file), dagId: dagId ?? null, payload, params, environment: env });
  if (!isSuccess) setExitCode(EXIT.failure);
}
