import { TriggerError } from "@millrace/sdk/provider";

const REQUEST_TIMEOUT_MS = 10_000;
/** A token is used for this part of its life, so that none ends on its way. */
const USED_PART = 0.8;
/** Where the endpoint does not say how long its tokens live. */
const DEFAULT_LIFETIME_S = 300;

export interface OidcClient {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string | null;
}

interface Answer {
  readonly access_token?: unknown;
  readonly expires_in?: unknown;
  readonly error?: unknown;
}

/** Bearer tokens by OAuth 2's client credentials grant; the brokers of a cluster share one. */
export class OidcTokens {
  readonly #client: OidcClient;
  readonly #now: () => number;
  #token: Promise<string> | null = null;
  /** UTC ms. */
  #useUntil = 0;

  constructor(client: OidcClient, now: () => number = Date.now) {
    this.#client = client;
    this.#now = now;
  }

  /** @throws {TriggerError} AUTHENTICATION_FAILED, BROKER_UNREACHABLE */
  async get(): Promise<string> {
    if (this.#token === null || this.#now() >= this.#useUntil) {
      this.#useUntil = Number.POSITIVE_INFINITY;
      this.#token = this.#request();
      this.#token.catch(() => (this.#token = null));
    }
    return this.#token;
  }

  async #request(): Promise<string> {
    const { url } = this.#client;
    const response = await this.#post().catch((cause: unknown) => {
      const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
      throw new TriggerError("BROKER_UNREACHABLE", `the token endpoint "${url}" did not answer (${reason}): correct its address`, {
        cause,
      });
    });
    const answer = (await response.json().catch(() => ({}))) as Answer;
    const { access_token: token, expires_in: lifetime } = answer;
    if (!response.ok || typeof token !== "string") throw this.#refusal(response.status, answer);
    this.#useUntil = this.#now() + (typeof lifetime === "number" ? lifetime : DEFAULT_LIFETIME_S) * 1_000 * USED_PART;
    return token;
  }

  #post(): Promise<Response> {
    const { url, clientId, clientSecret, scope } = this.#client;
    const login = [clientId, clientSecret].map((part) => encodeURIComponent(part)).join(":");
    return fetch(url, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(login).toString("base64")}`, accept: "application/json" },
      body: new URLSearchParams({ grant_type: "client_credentials", ...(scope === null ? {} : { scope }) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  }

  #refusal(status: number, { error }: Answer): TriggerError {
    const { url, clientId } = this.#client;
    const reason = typeof error === "string" ? `${status} ${error}` : String(status);
    const remedy = "correct sasl.oauthbearer.client.id, client.secret and scope of the connection";
    return new TriggerError(
      status >= 500 ? "BROKER_UNREACHABLE" : "AUTHENTICATION_FAILED",
      `the token endpoint "${url}" gave client "${clientId}" no token (${reason}): ${remedy}`,
    );
  }
}
