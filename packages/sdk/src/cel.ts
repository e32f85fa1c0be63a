/**
 * A CEL expression. `S` itself when every `payload.…` path in it exists in the payload as it arrives, otherwise the
 * nearest right spellings. What the type cannot follow it lets pass: the loader checks the whole expression.
 */
export type Cel<S extends string, Payload> = string extends S
  ? S
  : S extends ""
    ? `payload.${Keys<Payload>}`
    : FixPath<Unquoted<Unescaped<S>>, Payload> extends Unquoted<Unescaped<S>>
      ? S
      : FixPath<S, Payload>;

type FixPath<S extends string, P> = S extends `${infer Before}payload.${infer Rest}`
  ? Before extends InsideWord
    ? S
    : Walk<Rest, P> extends infer Fixed extends string
      ? [Fixed] extends [never]
        ? S
        : `${Before}payload.${Fixed}`
      : S
  : S;

/** Without escaped characters, so that an escaped quote ends no string. */
type Unescaped<S extends string> = S extends `${infer A}\\${string}${infer B}` ? `${A}${Unescaped<B>}` : S;

/** Without its string literals, so that a path inside quotes is none. */
type Unquoted<S extends string> = S extends `${infer A}"${string}"${infer B}`
  ? Unquoted<`${A}${B}`>
  : S extends `${infer A}'${string}'${infer B}`
    ? Unquoted<`${A}${B}`>
    : S;

/** never when the path at the head of `S` (and those after it) exists in `T`; else the corrections of the first wrong one. */
type Walk<S extends string, T, Root = T> =
  IsOpen<T> extends true
    ? Next<S, Root>
    : Ident<S> extends [infer Id extends string, infer Rest extends string]
      ? Id extends ""
        ? Rest extends ""
          ? Keys<T>
          : Next<Rest, Root>
        : Rest extends `(${string}`
          ? Next<Rest, Root>
          : Id extends Keys<T>
            ? Rest extends `.${infer Deeper}`
              ? Prefixed<`${Id}.`, Walk<Deeper, At<T, Id>, Root>>
              : Prefixed<Id, Next<Rest, Root>>
            : `${Keys<T>}${Rest}`
      : never;

type Next<S extends string, Root> = S extends `${infer Before}payload.${infer Rest}`
  ? Prefixed<`${Before}payload.`, Walk<Rest, Root>>
  : never;
type Prefixed<P extends string, S> = [S] extends [never] ? never : S extends string ? `${P}${S}` : never;
type Keys<T> = T extends T ? keyof NonNullable<T> & string : never;
type At<T, K extends string> = NonNullable<T> extends infer U ? (U extends U ? (K extends keyof U ? U[K] : never) : never) : never;
type IsOpen<T> = unknown extends T
  ? true
  : NonNullable<T> extends string | number | boolean | readonly unknown[]
    ? true
    : string extends keyof NonNullable<T>
      ? true
      : false;
type Ident<S extends string, Acc extends string = ""> = S extends `${infer C}${infer R}`
  ? C extends IdentChar
    ? Ident<R, `${Acc}${C}`>
    : [Acc, S]
  : [Acc, ""];

/** `order.payload.x`, `mypayload.x`: not ours, the loader's. */
type InsideWord = `${string}${IdentChar | "."}`;
type Lower =
  | ("a" | "b" | "c" | "d" | "e" | "f" | "g" | "h" | "i" | "j" | "k" | "l" | "m")
  | ("n" | "o" | "p" | "q" | "r" | "s" | "t" | "u" | "v" | "w" | "x" | "y" | "z");
type IdentChar = Lower | Uppercase<Lower> | "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "_";
