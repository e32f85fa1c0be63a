/** A cron expression. `S` itself when it has five fields in range, otherwise a sentence that says what is wrong. */
export type Cron<S extends string> = string extends S
  ? S
  : S extends "@hourly" | "@daily" | "@weekly" | "@monthly" | "@yearly"
    ? S
    : S extends `@${string}`
      ? "@hourly" | "@daily" | "@weekly" | "@monthly" | "@yearly"
      : Words<S> extends [
            infer Minute extends string,
            infer Hour extends string,
            infer Day extends string,
            infer Month extends string,
            infer Weekday extends string,
          ]
        ? Bad<
            | Field<"minute", Minute, Num60, "0-59">
            | Field<"hour", Hour, Num24, "0-23">
            | Field<"day", Day, Exclude<Num32, "0">, "1-31">
            | Field<"month", Month, Exclude<Num13, "0"> | Months, "1-12 or jan-dec">
            | Field<"weekday", Weekday, Num8 | Days, "0-7 or sun-sat">,
            S
          >
        : `cron needs five fields (minute hour day month weekday), this has ${Words<S>["length"] & number}`;

type Words<S extends string> = S extends `${infer A} ${infer B}` ? [A, ...Words<B>] : [S];
type Bad<E, S> = [E] extends [never] ? S : E;
type Field<Name extends string, F extends string, Ok extends string, Range extends string> = F extends `${infer A},${infer B}`
  ? Field<Name, A, Ok, Range> | Field<Name, B, Ok, Range>
  : F extends `${infer A}/${infer N}`
    ? N extends `${bigint}`
      ? Field<Name, A, Ok, Range>
      : `cron: step '${N}' of ${Name} is not a number`
    : F extends "*"
      ? never
      : F extends `${infer A}-${infer B}`
        ? Field<Name, A, Ok, Range> | Field<Name, B, Ok, Range>
        : Lowercase<F> extends Ok
          ? never
          : `cron: ${Name} '${F}' is not ${Range}`;

type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
type Num60 = `${Digit}` | `${0 | 1 | 2 | 3 | 4 | 5}${Digit}`;
type Num24 = `${Digit}` | `${0 | 1}${Digit}` | "20" | "21" | "22" | "23";
type Num32 = `${Digit}` | `${0 | 1 | 2}${Digit}` | "30" | "31";
type Num13 = `${Digit}` | `0${Digit}` | "10" | "11" | "12";
type Num8 = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7";
type Months = "jan" | "feb" | "mar" | "apr" | "may" | "jun" | "jul" | "aug" | "sep" | "oct" | "nov" | "dec";
type Days = "sun" | "mon" | "tue" | "wed" | "thu" | "fri" | "sat";
