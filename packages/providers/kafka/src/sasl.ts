import type { BaseOptions } from "@platformatic/kafka";
import { TriggerError, type Connection } from "@millrace/sdk/provider";
import { choiceOf, invalid, textOf } from "./extra.ts";
import { OidcTokens } from "./oidc-tokens.ts";

type Sasl = NonNullable<BaseOptions["sasl"]>;

const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] as const;

/** @throws {TriggerError} CONNECTION_INVALID */
export function saslOf(connection: Connection): Sasl {
  const key = textOf(connection, "sasl.mechanism") === null ? "sasl.mechanisms" : "sasl.mechanism";
  const mechanism = choiceOf(connection, key, MECHANISMS) ?? "PLAIN";
  if (mechanism === "OAUTHBEARER") return bearerOf(connection);
  const username = textOf(connection, "sasl.username") ?? connection.login;
  const password = textOf(connection, "sasl.password") ?? connection.password;
  if (!username) throw invalid(connection, "sasl.username", "a user name");
  if (!password) throw invalid(connection, "sasl.password", "a password");
  return { mechanism, username, password };
}

function bearerOf(connection: Connection): Sasl {
  const method = choiceOf(connection, "sasl.oauthbearer.method", ["default", "oidc"]) ?? "default";
  const extensions = extensionsOf(connection);
  return {
    mechanism: "OAUTHBEARER",
    token: method === "oidc" ? oidcTokensOf(connection) : tokenOf(connection),
    ...(extensions === null ? {} : { oauthBearerExtensions: extensions }),
    authBytesValidator: checkAnswer,
  };
}

function tokenOf(connection: Connection): string {
  const token = textOf(connection, "sasl.oauthbearer.token") ?? connection.password;
  if (!token) throw invalid(connection, "sasl.oauthbearer.token", 'a token (or "sasl.oauthbearer.method" to be oidc)');
  return token;
}

function oidcTokensOf(connection: Connection): () => Promise<string> {
  const url = textOf(connection, "sasl.oauthbearer.token.endpoint.url");
  if (url === null || !/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    throw invalid(connection, "sasl.oauthbearer.token.endpoint.url", "an https address", url === null ? {} : { got: `"${url}"` });
  }
  const clientId = textOf(connection, "sasl.oauthbearer.client.id") ?? connection.login;
  const clientSecret = textOf(connection, "sasl.oauthbearer.client.secret") ?? connection.password;
  if (!clientId) throw invalid(connection, "sasl.oauthbearer.client.id", "the id of a client");
  if (!clientSecret) throw invalid(connection, "sasl.oauthbearer.client.secret", "the secret of the client");
  const tokens = new OidcTokens({ url, clientId, clientSecret, scope: textOf(connection, "sasl.oauthbearer.scope") });
  return () => tokens.get();
}

/** `name=value,other=value` */
function extensionsOf(connection: Connection): Record<string, string> | null {
  const text = textOf(connection, "sasl.oauthbearer.extensions");
  if (text === null) return null;
  const pairs = text.split(",").map((pair) => /^\s*([A-Za-z]+)=(.*)$/.exec(pair));
  if (pairs.includes(null)) throw invalid(connection, "sasl.oauthbearer.extensions", "name=value,other=value", { got: "something else" });
  return Object.fromEntries(pairs.map((pair) => [pair![1]!, pair![2]!.trim()]));
}

/** A broker that takes the token answers nothing; its reason for refusing one comes as JSON, without an error code. */
function checkAnswer(answer: Buffer, callback: (error: Error | null, answer: Buffer) => void): void {
  if (answer.length === 0) callback(null, answer);
  else callback(new TriggerError("AUTHENTICATION_FAILED", `the token was refused: ${answer.toString("utf8").slice(0, 200)}`), answer);
}
