import { parseArgs } from "node:util";
import { DemoError } from "./demo-error.ts";

export interface DemoOptions {
  readonly isOnce: boolean;
  readonly messages: number;
  /** host:port; null for a queue server of the demo's own. */
  readonly kafka: string | null;
}

const DEFAULT_MESSAGES = 500;
const MAX_MESSAGES = 100_000;

export const HELP = `npm start -- [options]

Runs \`millrace standalone\` on examples/iot-alert, data-delivery and inference, sends them messages, and shows what becomes of them.

  --once             send a fixed number of messages, check what became of each, exit 0 if all is right, else 1
  --messages N       with --once: how many sensor readings (and a share of requests and files), from 1 to ${MAX_MESSAGES} (${DEFAULT_MESSAGES})
  --kafka HOST:PORT  over this Kafka broker instead of an SQS queue server that the demo starts, without data-delivery
  --help             this text

Ctrl-C stops it.`;

/** null: the help is wanted. @throws {DemoError} with exit code 2 */
export function parseOptions(args: readonly string[]): DemoOptions | null {
  const values = parse(args);
  if (values.help === true) return null;
  if (values.messages !== undefined && values.once !== true) throw usage("--messages goes with --once", "add --once, or leave it out");
  return { isOnce: values.once === true, messages: parseMessages(values.messages), kafka: parseAddress(values.kafka) };
}

function parse(args: readonly string[]) {
  try {
    const text = { type: "string" } as const;
    const flag = { type: "boolean" } as const;
    return parseArgs({ args: [...args], options: { once: flag, messages: text, kafka: text, help: flag } }).values;
  } catch (cause) {
    const [message] = (cause as Error).message.split(". ");
    throw usage(message!, "the options are --once, --messages N, --kafka HOST:PORT and --help", cause);
  }
}

function parseMessages(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MESSAGES;
  const messages = /^\d+$/.test(text) ? Number(text) : 0;
  if (messages >= 1 && messages <= MAX_MESSAGES) return messages;
  throw usage(`--messages: expected a whole number from 1 to ${MAX_MESSAGES}, got '${text}'`, `leave it out for ${DEFAULT_MESSAGES}`);
}

function parseAddress(text: string | undefined): string | null {
  if (text === undefined) return null;
  const port = Number(/^[^\s:/]+:(\d{1,5})$/.exec(text)?.[1]);
  if (port >= 1 && port <= 65_535) return text;
  throw usage(`--kafka: expected HOST:PORT, got '${text}'`, "give one broker, such as --kafka localhost:9092");
}

function usage(message: string, hint: string, cause?: unknown): DemoError {
  return new DemoError(message, hint, { exitCode: 2, cause });
}
