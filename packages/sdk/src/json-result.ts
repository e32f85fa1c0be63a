/** `R` where JSON keeps such a value as it is, otherwise a type whose name says what JSON would change. */
export type Json<R> = 0 extends 1 & R ? R : [NotJson<R>] extends [never] ? R : { "this result is not JSON, it contains": NotJson<R> };

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
