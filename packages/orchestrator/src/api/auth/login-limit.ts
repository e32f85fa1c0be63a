import type { Clock } from "../../domain/clock.ts";
import { MillraceError } from "../../domain/errors.ts";

const WINDOW_MS = 60_000;
const MAX_FAILURES = 10;
const MAX_ADDRESSES = 10_000;
/** Each costs 32 MiB and a core's time. */
const MAX_UNDER_WAY = 8;

/** Slows down guessing: ten wrong passwords a minute from one address, and few checks at a time. */
export class LoginLimit {
  readonly #clock: Clock;
  readonly #failures = new Map<string, readonly number[]>();
  #underWay = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs `check` unless this address has failed too often; its `null` is a failure.
   * @throws {MillraceError} TOO_MANY_ATTEMPTS
   */
  async attempt<Result>(address: string, check: () => Promise<Result | null>): Promise<Result | null> {
    const recent = this.#recentFailures(address);
    if (recent.length >= MAX_FAILURES)
      throw new MillraceError("TOO_MANY_ATTEMPTS", `${MAX_FAILURES} wrong passwords within a minute from ${address}`);
    if (this.#underWay >= MAX_UNDER_WAY) throw new MillraceError("TOO_MANY_ATTEMPTS", `${MAX_UNDER_WAY} logins are being checked already`);
    this.#underWay += 1;
    // Counted before it is checked, so that parallel guesses count too.
    const at = this.#clock.monotonic();
    this.#keep(address, [...recent, at]);
    try {
      const result = await check();
      if (result !== null) this.#keep(address, this.#recentFailures(address).toSpliced(this.#recentFailures(address).indexOf(at), 1));
      return result;
    } finally {
      this.#underWay -= 1;
    }
  }

  #recentFailures(address: string): readonly number[] {
    const since = this.#clock.monotonic() - WINDOW_MS;
    return (this.#failures.get(address) ?? []).filter((at) => at > since);
  }

  #keep(address: string, failures: readonly number[]): void {
    this.#failures.delete(address);
    if (failures.length > 0) this.#failures.set(address, failures);
    const oldest = this.#failures.size > MAX_ADDRESSES ? this.#failures.keys().next().value : undefined;
    if (oldest !== undefined) this.#failures.delete(oldest);
  }
}
