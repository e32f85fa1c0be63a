import { join } from "node:path";
import type { TriggerKind } from "@millrace/sdk/provider";
import { canonicalJson } from "../domain/canonical-json.ts";
import type { Clock } from "../domain/clock.ts";
import type { Definitions } from "../domain/definitions.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import type { HostLimits } from "./host-process.ts";
import { HostStream, type HostValues } from "./host-stream.ts";

export interface OwnTriggersOptions {
  readonly providers: ProviderCatalog;
  readonly definitions: () => Definitions;
  readonly bundlesFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly values: HostValues;
  readonly clock: Clock;
  readonly limits?: Partial<HostLimits>;
}

const LIMITS: HostLimits = { heapMb: 256, residentMb: 512, blockedMs: 10_000 };

/** The providers' kinds, and those that DAG files define: each trigger of these runs in a process of its own. */
export function withOwnTriggers(options: OwnTriggersOptions): Pick<ProviderCatalog, "findTrigger"> {
  const { providers, definitions } = options;
  return {
    findTrigger: (kind) => providers.findTrigger(kind) ?? (definitions().triggerKinds.has(kind) ? ownTrigger(kind, options) : undefined),
  };
}

function ownTrigger(kind: string, options: OwnTriggersOptions): TriggerKind {
  const { definitions, bundlesFolder, environment, values, clock, limits } = options;
  return {
    // Its own function checks them where it is called.
    params: {},
    sharing: "exclusive",
    canonical: canonicalJson,
    queues: () => [],
    // It asks for connections itself, by name.
    completeConnection: (_params, id, found) => found ?? { id, connType: kind, extra: {} },
    open: async (params, _connection, context) => {
      const code = definitions().triggerKinds.get(kind);
      if (code === undefined) throw new Error(`no DAG file defines the trigger kind '${kind}' any more`);
      const stream = new HostStream({
        kind,
        bundle: join(bundlesFolder, `${code.bundleHash}.mjs`),
        source: code.sourcePath,
        params: params as Readonly<Record<string, unknown>>,
        environment,
        values,
        clock,
        log: context.log,
        limits: { ...LIMITS, ...limits },
        context,
      });
      await stream.start();
      return stream;
    },
  };
}
