import swagger from "@fastify/swagger";
import type { ApiServer } from "./api-context.ts";
import { ProblemSchema } from "./problem.ts";

/** Collects the routes that are added from here on, and serves their description. */
export async function describeApi(app: ApiServer, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Millrace",
        version,
        description: "Airflow's paths and JSON where Airflow has the resource; patterns, decisions, dead letters and watchers beside them.",
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
  });
  const problem = { description: "What went wrong, and what to do", content: { "application/problem+json": { schema: ProblemSchema } } };
  app.addHook("onRoute", (route) => {
    const { response } = (route.schema ?? {}) as { response?: object };
    if (route.schema !== undefined) route.schema.response = { ...response, "4xx": problem, "5xx": problem };
  });
  app.get("/openapi.json", { config: { role: "public" }, schema: { hide: true } }, async () => app.swagger());
}
