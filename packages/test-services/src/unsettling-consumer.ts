// Opens a trigger, prints the identities of the first batch and waits to be killed. Argument: the task as JSON.
import type { Connection, Provider } from "@millrace/sdk/provider";
import { MessageStore } from "./message-store.ts";

interface Task {
  readonly kind: string;
  readonly provider: string;
  readonly params: object;
  readonly connection: Connection;
  readonly group: string;
  readonly starts: readonly (readonly [source: string, positions: readonly (readonly [partition: string, next: string])[]])[];
}

const task = JSON.parse(process.argv[2]!) as Task;
const { provider } = (await import(task.provider)) as { provider: Provider };
const store = new MessageStore();
for (const [source, positions] of task.starts)
  for (const [partition, next] of positions) store.setPosition(source, partition, BigInt(next));

const stream = await provider.triggers[task.kind]!.open(task.params, task.connection, store.context({ group: task.group }));
for await (const batch of stream) {
  const identities = batch.map(({ identity }) =>
    JSON.stringify(identity, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)),
  );
  process.stdout.write(`${JSON.stringify(identities)}\n`);
}
