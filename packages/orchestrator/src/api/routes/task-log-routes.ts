import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { TaskInstanceRead, TaskLogRequest } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { AnyObject, NullableText } from "../resources/nullable.ts";
import { getTaskInstance } from "./found.ts";
import { queryObject } from "./query.ts";
import { type LogLine, readLogLines, toTextLine } from "./task-log-line.ts";

/** One page: at most 4 MiB, since a chunk has at most 64 KiB. */
const CHUNKS_PER_PAGE = 64;

const LogPath = Type.Object({
  dag_id: Type.String(),
  dag_run_id: Type.String(),
  task_id: Type.String(),
  try_number: Type.Integer({ minimum: 0 }),
});
const LogQuery = queryObject({
  full_content: Type.Optional(Type.Boolean({ default: false, description: "everything, without pages" })),
  map_index: Type.Optional(Type.Integer({ minimum: -1, default: -1 })),
  token: Type.Optional(Type.String({ description: "the continuation_token of the page before" })),
});
const LogPage = Type.Object({ content: Type.Array(AnyObject), continuation_token: NullableText });

/** JSON pages by default; `application/x-ndjson` and `text/plain` are streamed to the end of what is stored. */
export function taskLogRoutes(app: ApiServer, context: ApiContext): void {
  const schema = {
    tags: ["Task Instance"],
    summary: "The log of one try",
    params: LogPath,
    querystring: LogQuery,
    response: {
      200: {
        content: {
          "application/json": { schema: LogPage },
          "application/x-ndjson": { schema: Type.String() },
          "text/plain": { schema: Type.String() },
        },
      },
    },
  };
  app.get("/api/v2/dags/:dag_id/dagRuns/:dag_run_id/taskInstances/:task_id/logs/:try_number", { schema }, async (request, reply) => {
    const { params, query } = request;
    const instance = await getTaskInstance(context.reads, params, query.map_index);
    const log = new TryLog(context, instance, params.try_number, readToken(query.token));
    const format = chooseFormat(request.headers.accept);
    if (format === "json") return sendPage(reply, log, query.full_content === true ? Number.POSITIVE_INFINITY : CHUNKS_PER_PAGE);
    const write = format === "text" ? toTextLine : (line: LogLine): string => `${JSON.stringify(line)}\n`;
    const type = format === "text" ? "text/plain; charset=utf-8" : "application/x-ndjson";
    return (reply as FastifyReply).type(type).send(Readable.from(log.text(write)));
  });
}

type Format = "json" | "ndjson" | "text";

/** The first of ours that the header names; JSON where it names none. */
function chooseFormat(accept: string | undefined): Format {
  const names: readonly (readonly [string, Format])[] = [
    ["application/json", "json"],
    ["application/x-ndjson", "ndjson"],
    ["text/plain", "text"],
  ];
  const wanted = (accept ?? "").split(",").map((part) => part.split(";")[0]!.trim().toLowerCase());
  return wanted.map((type) => names.find(([name]) => name === type)?.[1]).find((format) => format !== undefined) ?? "json";
}

/** The chunk after which to go on: a token is the number of the next one. @throws {MillraceError} BAD_REQUEST */
function readToken(token: string | undefined): number {
  if (token === undefined || token === "") return -1;
  if (/^\d{1,15}$/.test(token)) return Number(token) - 1;
  throw new MillraceError("BAD_REQUEST", `query parameter 'token': expected the continuation_token of an earlier answer, got '${token}'`);
}

async function sendPage(reply: FastifyReply, log: TryLog, maxChunks: number): Promise<FastifyReply> {
  const content: LogLine[] = [];
  for await (const lines of log.chunks(maxChunks)) content.push(...lines);
  return reply.send({ content, continuation_token: log.continuationToken() });
}

/** What is stored of one try's log, from a chunk on. */
class TryLog {
  readonly #context: ApiContext;
  readonly #instance: TaskInstanceRead;
  readonly #tryNumber: number;
  #afterSeq: number;
  #isAtEnd = false;

  constructor(context: ApiContext, instance: TaskInstanceRead, tryNumber: number, afterSeq: number) {
    this.#context = context;
    this.#instance = instance;
    this.#tryNumber = tryNumber;
    this.#afterSeq = afterSeq;
  }

  async *chunks(max: number): AsyncGenerator<readonly LogLine[]> {
    for (let left = max; left > 0;) {
      const limit = Math.min(left, CHUNKS_PER_PAGE);
      const found = await this.#context.reads.taskLogs.chunks({ ...this.#key(), afterSeq: this.#afterSeq, limit });
      for (const { seq, bytes } of found) {
        this.#afterSeq = seq;
        yield readLogLines(bytes);
      }
      left -= found.length;
      this.#isAtEnd = found.length < limit;
      if (this.#isAtEnd) return;
    }
  }

  async *text(write: (line: LogLine) => string): AsyncGenerator<string> {
    for await (const lines of this.chunks(Number.POSITIVE_INFINITY)) yield lines.map(write).join("");
  }

  /** null once everything was read and the try is over: nothing more will come. */
  continuationToken(): string | null {
    const { state, tryNumber, run } = this.#instance;
    const isOver =
      run.endedAt !== null || tryNumber > this.#tryNumber || (tryNumber === this.#tryNumber && state !== "running" && state !== "queued");
    return this.#isAtEnd && isOver ? null : String(this.#afterSeq + 1);
  }

  #key(): Omit<TaskLogRequest, "afterSeq" | "limit"> {
    const { run, taskIndex, mapIndex } = this.#instance;
    return { runId: run.id, taskIndex, mapIndex, tryNumber: this.#tryNumber };
  }
}
