import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from "fastify";
import type { AccountStore, Role } from "../domain/account-store.ts";
import type { Clock } from "../domain/clock.ts";
import type { EngineControl } from "../domain/engine-control.ts";
import type { TriggerHealth } from "../domain/health.ts";
import type { Log } from "../domain/log.ts";
import type { Reads } from "../domain/reads.ts";

/** What the API is made of; every part is given by whoever puts the server together. */
export interface ApiContext {
  readonly reads: Reads;
  readonly engine: EngineControl;
  readonly accounts: AccountStore;
  /** The triggers of this process, as they are now. */
  readonly triggerHealth: () => readonly TriggerHealth[];
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Who may call a route; `public` needs no token. Without one, a route is for viewers. */
export type RouteRole = Role | "public";

declare module "fastify" {
  interface FastifyContextConfig {
    role?: RouteRole;
  }
}

export type ApiServer = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
