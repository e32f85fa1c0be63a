import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from "fastify";
import type { ConnectionTestResult, Connection } from "@millrace/sdk/provider";
import type { Account, AccountStore, Role } from "../domain/account-store.ts";
import type { AuditLog } from "../domain/audit-log.ts";
import type { ProcessState } from "../domain/cluster.ts";
import type { Clock } from "../domain/clock.ts";
import type { ConnectionRegistry } from "../domain/connection-registry.ts";
import type { EngineControl } from "../domain/engine-control.ts";
import type { Log } from "../domain/log.ts";
import type { ProcessView } from "../domain/process-status.ts";
import type { Published, PublishRequest } from "../domain/publish.ts";
import type { Reads } from "../domain/reads.ts";
import type { PurgeReport, PurgeRequest } from "../domain/retention.ts";
import type { VariableRegistry } from "../domain/variable-registry.ts";

/** What the API is made of; every part is given by whoever puts the server together. */
export interface ApiContext {
  readonly reads: Reads;
  readonly engine: EngineControl;
  readonly accounts: AccountStore;
  readonly connections: ConnectionRegistry;
  readonly variables: VariableRegistry;
  readonly audit: AuditLog;
  /** Really connects. */
  readonly testConnection: (connection: Connection) => Promise<ConnectionTestResult>;
  /** Sends at once. @throws {MillraceError} CONNECTION_NOT_FOUND, BAD_REQUEST, PROVIDER_NOT_FOUND, PUBLISH_FAILED */
  readonly publish: (request: PublishRequest) => Promise<Published>;
  /** For some seconds at most: what is left, the next one goes on with. */
  readonly purge: (request: PurgeRequest) => Promise<PurgeReport>;
  /** All on the metadata DB: this one as it is now, the others as they told last. Brokers are asked: it takes a moment. */
  readonly processes: () => Promise<readonly ProcessView[]>;
  /** The same without what they tell of themselves, at once. */
  readonly processStates: () => readonly ProcessState[];
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
  interface FastifyRequest {
    /** Whose token came with it; null on public routes. */
    account: Account | null;
  }
}

export type ApiServer = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
