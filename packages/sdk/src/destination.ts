import { attachDefinition, callSite } from "./definition.ts";
import type { Schema } from "./schema.ts";

declare const bodyType: unique symbol;
declare const optionsType: unique symbol;

/** Where `publish` sends: made by a provider's function, typed by its schema. `Body` is what that schema takes in. */
export interface Destination<Body = unknown, Options extends object = object> {
  /** Names the provider's destination kind, e.g. `sqs`. */
  readonly kind: string;
  /** Id of the connection; the provider's function chooses the default, e.g. `aws_default`. */
  readonly connection: string;
  readonly params: object;
  readonly schema?: Schema<unknown, Body> | undefined;
  readonly [bodyType]?: Body | undefined;
  readonly [optionsType]?: Options | undefined;
}

/** For providers: makes a destination, and makes it known to the loader. `params` is plain JSON. */
export function defineDestination<Body = unknown, Options extends object = object>(options: {
  readonly kind: string;
  readonly connection: string;
  readonly params: object;
  readonly schema?: Schema<unknown, Body> | undefined;
}): Destination<Body, Options> {
  const { kind, connection, params, schema } = options;
  const destination: Destination<Body, Options> = { kind, connection, params, schema };
  return attachDefinition(destination, {
    kind: "destination",
    destinationKind: kind,
    connection,
    params,
    schema: schema ?? null,
    site: callSite(),
  });
}
