import type { Awaitable } from "./dag-builder.ts";

/**
 * What a task function returns: an `R`, or a promise of one, where JSON keeps it as it is; otherwise a type whose name says what
 * JSON would change. The promise is inside the condition: a union of conditions would take an `R` of several types apart.
 */
export type JsonResult<R> = 0 extends 1 & R
  ? Awaitable<R>
  : [NotJson<R>] extends [never]
    ? Awaitable<R>
    : Awaitable<{ "this result is not JSON, it contains": NotJson<R> }>;

type JsonLeaf = string | number | boolean | null | undefined | void;
type NoJson =
  | (bigint | symbol | Function | Date | RegExp | Error)
  | (ReadonlyMap<any, any> | ReadonlySet<any> | WeakMap<any, any> | WeakSet<any>)
  | (ArrayBuffer | ArrayBufferView);

/** Follows four levels: enough for a slip, cheap enough for a recursive type. */
type NotJson<T, Depth extends 1[] = []> = 0 extends 1 & T
  ? never
  : unknown extends T
    ? never
    : Depth["length"] extends 4
      ? never
      : T extends JsonLeaf
        ? never
        : T extends NoJson
          ? T
          : T extends readonly (infer I)[]
            ? NotJson<I, [...Depth, 1]>
            : { [K in keyof T]-?: NotJson<T[K], [...Depth, 1]> }[keyof T];
