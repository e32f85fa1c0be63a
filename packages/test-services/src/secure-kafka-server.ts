import { makeCertificates, type Certificates } from "./certificates.ts";
import { findFreePorts } from "./child-server.ts";
import { startKafka, type KafkaExtension, type KafkaServer } from "./kafka-server.ts";

const MODULES = "org.apache.kafka.common.security";
const ACCOUNT = { username: "millrace", password: "millrace-secret" } as const;

/** A broker whose further listeners want TLS. Its certificate is for `localhost`: by address it has the wrong name. */
export interface SecureKafka {
  readonly server: KafkaServer;
  /** SASL_SSL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 with `account`, and OAUTHBEARER with unsigned tokens that have `sub` and `exp`. */
  readonly saslSslPort: number;
  /** SSL that wants a client's certificate. */
  readonly mutualPort: number;
  /** The same with TLS 1.2, where a certificate is refused within the handshake. */
  readonly mutualTls12Port: number;
  readonly account: typeof ACCOUNT;
  readonly certificates: Certificates;
}

/** A broker of one's own, on random ports. */
export async function startSecureKafka(): Promise<SecureKafka> {
  const [saslSslPort, mutualPort, mutualTls12Port] = (await findFreePorts(3)) as [number, number, number];
  const ports = { saslSslPort, mutualPort, mutualTls12Port };
  let certificates: Certificates | null = null;
  const server = await startKafka(async (dir) => {
    certificates = await makeCertificates(dir);
    return extension(ports, certificates);
  });
  return { server, ...ports, account: ACCOUNT, certificates: certificates! };
}

type Ports = Pick<SecureKafka, "saslSslPort" | "mutualPort" | "mutualTls12Port">;

function extension(ports: Ports, certificates: Certificates): KafkaExtension {
  const { username, password } = ACCOUNT;
  const secure = "listener.name.secure";
  const stores = ["secure", "mutual", "mutual12"].flatMap((name) => [
    [`listener.name.${name}.ssl.keystore.type`, "PEM"],
    [`listener.name.${name}.ssl.keystore.location`, certificates.server],
    [`listener.name.${name}.ssl.truststore.type`, "PEM"],
    [`listener.name.${name}.ssl.truststore.location`, certificates.ca],
  ]);
  return {
    listeners: [
      { name: "SECURE", protocol: "SASL_SSL", advertisedHost: "localhost", port: ports.saslSslPort },
      { name: "MUTUAL", protocol: "SSL", advertisedHost: "localhost", port: ports.mutualPort },
      { name: "MUTUAL12", protocol: "SSL", advertisedHost: "localhost", port: ports.mutualTls12Port },
    ],
    properties: {
      ...Object.fromEntries(stores),
      "listener.name.mutual.ssl.client.auth": "required",
      "listener.name.mutual12.ssl.client.auth": "required",
      "listener.name.mutual12.ssl.enabled.protocols": "TLSv1.2",
      [`${secure}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
      [`${secure}.plain.sasl.jaas.config`]: `${MODULES}.plain.PlainLoginModule required user_${username}="${password}";`,
      [`${secure}.scram-sha-256.sasl.jaas.config`]: `${MODULES}.scram.ScramLoginModule required;`,
      [`${secure}.scram-sha-512.sasl.jaas.config`]: `${MODULES}.scram.ScramLoginModule required;`,
      [`${secure}.oauthbearer.sasl.jaas.config`]: `${MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    },
    formatArguments: ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((name) => [
      "--add-scram",
      `${name}=[name=${username},password=${password}]`,
    ]),
  };
}
