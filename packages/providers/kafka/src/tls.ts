import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, getCACertificates } from "node:tls";
import type { BaseOptions } from "@platformatic/kafka";
import type { Connection } from "@millrace/sdk/provider";
import { choiceOf, invalid, pemOf, textOf } from "./extra.ts";

type Tls = NonNullable<BaseOptions["tls"]>;

/** Certificates are read once here, and not for each connection to a broker. @throws {TriggerError} CONNECTION_INVALID */
export function tlsOf(connection: Connection): Tls {
  const ca = authoritiesOf(connection);
  const client = clientCertificateOf(connection);
  const isChecked = choiceOf(connection, "enable.ssl.certificate.verification", ["true", "false"]) !== "false";
  const isNameChecked = choiceOf(connection, "ssl.endpoint.identification.algorithm", ["https", "none"]) !== "none";
  return {
    secureContext: createSecureContext({ ca, ...client }),
    ...(isChecked ? {} : { rejectUnauthorized: false }),
    ...(isNameChecked ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** The connection's own, else those of Node and of the system. */
function authoritiesOf(connection: Connection): string | string[] {
  const pem = pemOf(connection, "ssl.ca");
  if (pem === null) return [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
  assertCertificate(connection, pem);
  return pem.text;
}

function clientCertificateOf(connection: Connection): { cert?: string; key?: string; passphrase?: string } {
  const certificate = pemOf(connection, "ssl.certificate");
  const key = pemOf(connection, "ssl.key");
  if (certificate === null && key === null) return {};
  if (certificate === null) throw invalid(connection, "ssl.certificate.location", "the certificate that belongs to the key");
  if (key === null) throw invalid(connection, "ssl.key.location", "the key that belongs to the certificate");
  const passphrase = textOf(connection, "ssl.key.password");
  const parsed = assertCertificate(connection, certificate);
  if (!parsed.checkPrivateKey(privateKeyOf(connection, key, passphrase))) {
    throw invalid(connection, key.key, `the key of the certificate in "${certificate.key}"`, { got: "another one" });
  }
  return { cert: certificate.text, key: key.text, ...(passphrase === null ? {} : { passphrase }) };
}

type Pem = NonNullable<ReturnType<typeof pemOf>>;

function assertCertificate(connection: Connection, pem: Pem): X509Certificate {
  try {
    return new X509Certificate(pem.text);
  } catch (cause) {
    throw invalid(connection, pem.key, "a certificate in PEM (-----BEGIN CERTIFICATE-----)", { got: "something else", cause });
  }
}

function privateKeyOf(connection: Connection, pem: Pem, passphrase: string | null): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey({ key: pem.text, ...(passphrase === null ? {} : { passphrase }) });
  } catch (cause) {
    const isEncrypted = pem.text.includes("ENCRYPTED");
    if (isEncrypted && passphrase === null) throw invalid(connection, "ssl.key.password", "the password of the encrypted key", { cause });
    if (isEncrypted) throw invalid(connection, "ssl.key.password", "the password of the key", { got: "another one", cause });
    throw invalid(connection, pem.key, "a private key in PEM (-----BEGIN PRIVATE KEY-----)", { got: "something else", cause });
  }
}
