import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { hasCommand, installDebianPackagesOnCi } from "./debian-packages.ts";

const KAFKA_VERSION = "4.1.0";
/** The API that kafka 4.1 logs through. */
const SLF4J_VERSION = "1.7.36";
/** An install lock older than this was left by a process that died. */
const LOCK_STALE_MS = 5 * 60_000;

const run = promisify(execFile);

/** Why no Kafka can be started here, and what to do; null where one can. */
export function whyNoKafka(): string | null {
  return process.env["MILLRACE_TEST_KAFKA_URL"] === undefined ? whyNoKafkaInstall() : null;
}

/** The same for a broker with certificates, which is always one of our own. */
export function whyNoSecureKafka(): string | null {
  return whyNoKafkaInstall() ?? (hasCommand("openssl") ? null : "certificates are made with the openssl command: install it");
}

function whyNoKafkaInstall(): string | null {
  if (!hasCommand("java"))
    return "Kafka needs Java 17 or newer: install it, or set MILLRACE_TEST_KAFKA_URL to the host:port of a running broker";
  if (findKafkaLibs() !== null || hasCommand("mvn")) return null;
  return "Kafka needs Maven to be fetched once: install it, or set KAFKA_HOME, or MILLRACE_TEST_KAFKA_URL to the host:port of a running broker";
}

/** The folder with Kafka's jars, fetched from Maven's registry on first use. @throws {Error} saying what is missing. */
export async function installKafka(): Promise<string> {
  if (whyNoKafka() !== null) installDebianPackagesOnCi("default-jdk-headless", "maven");
  const missing = whyNoKafka();
  if (missing !== null) throw new Error(missing);
  return findKafkaLibs() ?? (await withInstallLock(fetchKafkaLibs));
}

/** A local install first, then what Maven fetched earlier. */
function findKafkaLibs(): string | null {
  const candidates = [...homes().map((home) => join(home, "libs")), cacheDir()];
  return candidates.find((dir) => existsSync(dir) && readdirSync(dir).some((file) => file.startsWith("kafka_2.13-4."))) ?? null;
}

function homes(): string[] {
  const home = process.env["KAFKA_HOME"];
  return [...(home === undefined ? [] : [home]), "/opt/kafka", "/usr/local/opt/kafka/libexec"];
}

function cacheDir(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "millrace", `kafka-${KAFKA_VERSION}`);
}

/** Fetched beside its final place and renamed, so that a half-filled folder is never taken for an install. */
async function fetchKafkaLibs(): Promise<string> {
  const work = `${cacheDir()}.${process.pid}.part`;
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, "pom.xml"), pom());
  try {
    await run("mvn", ["-q", "-B", "-ntp", "dependency:copy-dependencies", "-DoutputDirectory=lib"], { cwd: work });
    renameSync(join(work, "lib"), cacheDir());
  } catch (error) {
    throw new Error(`Maven could not fetch Kafka ${KAFKA_VERSION}: see the cause; is its registry reachable?`, { cause: error });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return cacheDir();
}

function pom(): string {
  const dependency = (group: string, artifact: string, version: string): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  return [
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>`,
    `<groupId>millrace</groupId><artifactId>kafka-libs</artifactId><version>1</version><packaging>pom</packaging><dependencies>`,
    dependency("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    dependency("org.slf4j", "slf4j-simple", SLF4J_VERSION),
    `</dependencies></project>`,
  ].join("\n");
}

/** One process installs, the others wait for it and find what it fetched. */
async function withInstallLock(install: () => Promise<string>): Promise<string> {
  const lock = `${cacheDir()}.lock`;
  mkdirSync(join(lock, ".."), { recursive: true });
  while (!tryLock(lock)) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const libs = findKafkaLibs();
    if (libs !== null) return libs;
  }
  try {
    return findKafkaLibs() ?? (await install());
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function tryLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > LOCK_STALE_MS) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}
