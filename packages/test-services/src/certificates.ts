import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** PEM files, for two days. */
export interface Certificates {
  /** The authority that signed `server` and `client`. */
  readonly ca: string;
  /** An authority that signed nothing. */
  readonly otherCa: string;
  readonly otherCaKey: string;
  /** Key and certificate for the name `localhost`, and for no address. */
  readonly server: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  /** The client's key, encrypted with `clientKeyPassword`. */
  readonly encryptedClientKey: string;
  readonly clientKeyPassword: string;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const DAYS = ["-days", "2"];
const CLIENT_KEY_PASSWORD = "key-secret";

/** Made by the `openssl` command, in the folder. */
export async function makeCertificates(dir: string): Promise<Certificates> {
  const file = (name: string): string => join(dir, name);
  await Promise.all([makeAuthority(dir, "ca"), makeAuthority(dir, "other-ca")]);
  await Promise.all([
    sign(dir, "server", "localhost", "subjectAltName=DNS:localhost"),
    sign(dir, "client", "millrace", "keyUsage=digitalSignature"),
  ]);
  writeFileSync(file("server.pem"), readFileSync(file("server.key"), "utf8") + readFileSync(file("server.crt"), "utf8"));
  const encrypt = ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", file("client.key"), "-out", file("client-encrypted.key")];
  await run("openssl", [...encrypt, "-passout", `pass:${CLIENT_KEY_PASSWORD}`]);
  return {
    ca: file("ca.pem"),
    otherCa: file("other-ca.pem"),
    otherCaKey: file("other-ca.key"),
    server: file("server.pem"),
    clientCertificate: file("client.crt"),
    clientKey: file("client.key"),
    encryptedClientKey: file("client-encrypted.key"),
    clientKeyPassword: CLIENT_KEY_PASSWORD,
  };
}

async function makeAuthority(dir: string, name: string): Promise<void> {
  const subject = ["-subj", `/CN=Millrace test ${name}`];
  await run("openssl", [
    "req",
    "-x509",
    ...KEY,
    ...DAYS,
    ...subject,
    "-keyout",
    join(dir, `${name}.key`),
    "-out",
    join(dir, `${name}.pem`),
  ]);
}

async function sign(dir: string, name: string, commonName: string, extension: string): Promise<void> {
  const file = (ending: string): string => join(dir, `${name}.${ending}`);
  writeFileSync(file("ext"), `${extension}\n`);
  await run("openssl", ["req", ...KEY, "-subj", `/CN=${commonName}`, "-keyout", file("key"), "-out", file("csr")]);
  const signer = ["-CA", join(dir, "ca.pem"), "-CAkey", join(dir, "ca.key"), "-set_serial", name === "server" ? "1" : "2"];
  await run("openssl", ["x509", "-req", ...DAYS, ...signer, "-extfile", file("ext"), "-in", file("csr"), "-out", file("crt")]);
}
