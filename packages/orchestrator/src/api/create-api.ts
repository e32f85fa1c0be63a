import fastify from "fastify";
import { MillraceError } from "../domain/errors.ts";
import type { ApiContext, ApiServer } from "./api-context.ts";
import { requireRole } from "./auth/require-role.ts";
import { LoginLimit } from "./auth/login-limit.ts";
import { listen } from "./listen.ts";
import { describeApi } from "./openapi.ts";
import { problemHandler, sendProblem } from "./problem.ts";
import { assetEventRoutes } from "./routes/asset-event-routes.ts";
import { assetRoutes } from "./routes/asset-routes.ts";
import { batchListRoutes } from "./routes/batch-list-routes.ts";
import { connectionRoutes } from "./routes/connection-routes.ts";
import { connectionTestRoutes } from "./routes/connection-test-routes.ts";
import { dagPauseRoutes } from "./routes/dag-pause-routes.ts";
import { dagRoutes } from "./routes/dag-routes.ts";
import { dagRunRoutes } from "./routes/dag-run-routes.ts";
import { dagSourceRoutes } from "./routes/dag-source-routes.ts";
import { dagStatsRoutes } from "./routes/dag-stats-routes.ts";
import { dagVersionRoutes } from "./routes/dag-version-routes.ts";
import { databaseRoutes } from "./routes/database-routes.ts";
import { deadLetterChangeRoutes } from "./routes/dead-letter-change-routes.ts";
import { deadLetterRoutes } from "./routes/dead-letter-routes.ts";
import { eventReplayRoutes } from "./routes/event-replay-routes.ts";
import { eventLogRoutes } from "./routes/event-log-routes.ts";
import { importErrorRoutes } from "./routes/import-error-routes.ts";
import { loginRoutes } from "./routes/login-routes.ts";
import { monitorRoutes } from "./routes/monitor-routes.ts";
import { processRoutes } from "./routes/process-routes.ts";
import { publishRoutes } from "./routes/publish-routes.ts";
import { queuedEventRoutes } from "./routes/queued-event-routes.ts";
import { runWaitRoutes } from "./routes/run-wait-routes.ts";
import { taskInstanceRoutes } from "./routes/task-instance-routes.ts";
import { taskLogRoutes } from "./routes/task-log-routes.ts";
import { variableRoutes } from "./routes/variable-routes.ts";
import { watcherRoutes } from "./routes/watcher-routes.ts";
import { workerRoutes } from "./routes/worker-routes.ts";
import { xcomRoutes } from "./routes/xcom-routes.ts";

const MAX_BODY_BYTES = 8 * 1024 * 1024;
// Airflow allows run ids of 250 characters.
const MAX_PARAM_LENGTH = 500;
const STOP_DEADLINE_MS = 5_000;

export interface Api {
  /**
   * @param port 0 takes a free one.
   * @throws {MillraceError} PORT_IN_USE, CONFIG_INVALID for a host that is not this machine's
   */
  start(host: string, port: number): Promise<void>;
  /**
   * Takes no more requests and answers those under way; what is left after the deadline (5 s unless told) is cut off.
   * A stop before the start and a second one are harmless.
   */
  stop(options?: { readonly deadlineMs?: number }): Promise<void>;
  /** `http://127.0.0.1:8080`; empty before the start. */
  readonly address: string;
}

export async function createApi(context: ApiContext): Promise<Api> {
  const app = createServer();
  app.setErrorHandler(problemHandler(context.log));
  app.setNotFoundHandler((request, reply) => {
    // Without its query: it may hold what should not be repeated.
    const path = request.url.split("?")[0];
    return sendProblem(reply, new MillraceError("NOT_FOUND", `there is nothing at ${request.method} ${path}`));
  });
  app.decorateRequest("account", null);
  app.addHook("onRequest", requireRole(context));
  await describeApi(app, context.version);
  await app.register(async (scope) => addRoutes(scope as unknown as ApiServer, context));
  await app.ready();
  let address = "";
  return {
    start: async (host, port) => {
      address = await listen(app, host, port);
    },
    stop: async ({ deadlineMs = STOP_DEADLINE_MS } = {}) => {
      const cancel = context.clock.after(deadlineMs, () => app.server.closeAllConnections());
      await app.close();
      cancel();
    },
    get address() {
      return address;
    },
  };
}

function createServer(): ApiServer {
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    // What a caller sends and no one reads is a mistake to tell, not to drop.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: "array", allErrors: false } },
  });
  // Answers are built to their schemas by typed code and checked in tests: schema-driven serializers only cost time here.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.addHook("onSend", async (_request, reply) => {
    void reply.header("x-content-type-options", "nosniff").header("cache-control", "no-store");
  });
  return app;
}

function addRoutes(app: ApiServer, context: ApiContext): void {
  monitorRoutes(app, context);
  processRoutes(app, context);
  loginRoutes(app, context, new LoginLimit(context.clock));
  dagRoutes(app, context);
  dagPauseRoutes(app, context);
  dagVersionRoutes(app, context);
  dagSourceRoutes(app, context);
  dagStatsRoutes(app, context);
  dagRunRoutes(app, context);
  runWaitRoutes(app, context);
  taskInstanceRoutes(app, context);
  batchListRoutes(app, context);
  taskLogRoutes(app, context);
  xcomRoutes(app, context);
  assetRoutes(app, context);
  assetEventRoutes(app, context);
  eventReplayRoutes(app, context);
  queuedEventRoutes(app, context);
  importErrorRoutes(app, context);
  eventLogRoutes(app, context);
  deadLetterRoutes(app, context);
  deadLetterChangeRoutes(app, context);
  watcherRoutes(app, context);
  workerRoutes(app, context);
  connectionRoutes(app, context);
  connectionTestRoutes(app, context);
  variableRoutes(app, context);
  publishRoutes(app, context);
  databaseRoutes(app, context);
}
