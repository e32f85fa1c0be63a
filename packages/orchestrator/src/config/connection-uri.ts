import type { MillraceError } from "../domain/errors.ts";

/** A connection's fields as its URI has them; `extra` may be JSON text. */
interface UriFields {
  readonly conn_type: string;
  readonly host: string;
  readonly login: string | undefined;
  readonly password: string | undefined;
  readonly port: string | undefined;
  readonly schema: string;
  readonly extra: string | Readonly<Record<string, string>> | undefined;
}

type Fail = (problem: string) => MillraceError;

const EXTRA = "__extra__";
/** The scheme of a URI, as RFC 3986 spells it. */
const SCHEME = /^[a-z][a-z0-9+.-]*(?=:\/\/)/i;
const TO_ENCODE = "in a login, password or host percent-encode '/' as %2F, '@' as %40, ':' as %3A, '#' as %23, '?' as %3F and '%' as %25";

export function isConnectionUri(text: string): boolean {
  return /^[a-z][a-z0-9+._-]*:\/\//i.test(text);
}

/**
 * `conn-type://login:password@host:port/schema?key=value`, read as Airflow reads it: a second `://` is the host's own
 * protocol, what follows `#` is dropped, `__extra__` is the whole extra as JSON, and other query parameters are keys of it.
 */
export function parseConnectionUri(uri: string, fail: Fail): UriFields {
  const scheme = SCHEME.exec(uri)?.[0];
  if (scheme === undefined) throw fail("expected a conn_type of letters, digits, '-', '+' and '.' before '://': write '-' for '_'");
  const rest = uri.slice(scheme.length + 3);
  const [, second, afterSecond] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(rest) ?? [];
  const location = afterSecond ?? rest;
  if (location.split("?", 1)[0]!.includes("://"))
    throw fail(`expected '://' after the conn_type or the host's protocol only: ${TO_ENCODE}`);
  const { authority, path, query } = splitUri(location);
  const { login, password, address } = splitAuthority(authority);
  const { host, port } = splitAddress(address, fail);
  return {
    conn_type: scheme.toLowerCase(),
    host: second === undefined || host === "" ? host : `${second.toLowerCase()}://${host}`,
    login,
    password,
    port,
    schema: unquote(path.slice(1)),
    extra: parseQuery(query),
  };
}

function splitUri(rest: string): { authority: string; path: string; query: string } {
  const [withoutFragment = ""] = rest.split("#", 1);
  const end = withoutFragment.search(/[/?]/);
  const authority = end === -1 ? withoutFragment : withoutFragment.slice(0, end);
  const [path = "", ...query] = withoutFragment.slice(authority.length).split("?");
  return { authority, path, query: query.join("?") };
}

function splitAuthority(authority: string): { login: string | undefined; password: string | undefined; address: string } {
  const at = authority.lastIndexOf("@");
  if (at === -1) return { login: undefined, password: undefined, address: authority };
  const userInfo = authority.slice(0, at);
  const colon = userInfo.indexOf(":");
  return {
    login: unquote(colon === -1 ? userInfo : userInfo.slice(0, colon)),
    password: colon === -1 ? undefined : unquote(userInfo.slice(colon + 1)),
    address: authority.slice(at + 1),
  };
}

/** A host is in lower case, but for what follows a `%`; an IPv6 address stands in brackets. */
function splitAddress(address: string, fail: Fail): { host: string; port: string | undefined } {
  const match = address.includes("[") ? /\[([^\]]*)\][^:]*:?(.*)$/s.exec(address) : /^([^:]*):?(.*)$/s.exec(address);
  const [, host = "", port = ""] = match ?? [];
  if (port !== "" && !/^\d+$/.test(port)) throw fail(`expected an integer from 1 to 65535 as port, got other text: ${TO_ENCODE}`);
  const percent = host.indexOf("%");
  const lowered = percent === -1 ? host.toLowerCase() : host.slice(0, percent).toLowerCase() + host.slice(percent);
  return { host: hasSlash(host) ? unquote(host) : unquote(lowered), port: port === "" ? undefined : port };
}

/** A host that is a path, such as a socket's, keeps its case. */
function hasSlash(host: string): boolean {
  return unquote(host).includes("/");
}

function parseQuery(query: string): string | Readonly<Record<string, string>> | undefined {
  if (query === "") return undefined;
  const parameters = Object.fromEntries(new URLSearchParams(query));
  return parameters[EXTRA] ?? parameters;
}

/** Unlike decodeURIComponent it leaves a `%` that is no escape as it is. */
function unquote(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) => Buffer.from(escapes.replaceAll("%", ""), "hex").toString("utf8"));
}
