import type { Connection } from "@millrace/sdk/provider";

const MASK = "***";
/** Shorter values would mask ordinary words. */
const MIN_SECRET_LENGTH = 3;
const SECRET_NAME = /pass|secret|token|key|credential|authorization|jaas/i;

/** Hides, in everything that leaves a try, the secrets it asked for. */
export class SecretMask {
  readonly #secrets = new Set<string>();

  add(secret: string | undefined | null): void {
    if (typeof secret !== "string" || secret.length < MIN_SECRET_LENGTH) return;
    this.#secrets.add(secret);
    // As it looks inside JSON and in a URL, where it needs escapes.
    this.#secrets.add(JSON.stringify(secret).slice(1, -1));
    this.#secrets.add(encodeURIComponent(secret.toWellFormed()));
  }

  addConnection({ password, extra }: Connection): void {
    this.add(password);
    this.#addFields(extra);
  }

  #addFields(fields: object): void {
    for (const [name, value] of Object.entries(fields) as [string, unknown][]) {
      if (typeof value === "object" && value !== null) this.#addFields(value);
      else if (typeof value === "string" && SECRET_NAME.test(name)) this.add(value);
    }
  }

  apply(text: string): string {
    let masked = text;
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, MASK);
    return masked;
  }

  /** Its strings and property names: what is masked is JSON still, also where a secret is `100` or `true`. */
  applyToJson(json: string): string {
    if (![...this.#secrets].some((secret) => json.includes(secret))) return json;
    return JSON.stringify(JSON.parse(json), (_key, value: unknown) => this.#maskValue(value));
  }

  #maskValue(value: unknown): unknown {
    if (typeof value === "string") return this.apply(value);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [this.apply(name), field]));
  }
}
