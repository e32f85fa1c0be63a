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
  readonly account: typeof ACCOUNT;
  readonly certificates: Certificates;
}

/** A broker of one's own, on random ports. */
export async function startSecureKafka(): Promise<SecureKafka> {
  const [saslSslPort, mutualPort] = (await findFreePorts(2)) as [number, number];
  let certificates: Certificates | null = null;
  const server = await startKafka(async (dir) => {
    certificates = await makeCertificates(dir);
    return extension(saslSslPort, mutualPort, certificates);
  });
  return { server, saslSslPort, mutualPort, account: ACCOUNT, certificates: certificates! };
}

function extension(saslSslPort: number, mutualPort: number, certificates: Certificates): KafkaExtension {
  const { username, password } = ACCOUNT;
  const secure = "listener.name.secure";
  const stores = ["secure", "mutual"].flatMap((name) => [
    [`listener.name.${name}.ssl.keystore.type`, "PEM"],
    [`listener.name.${name}.ssl.keystore.location`, certificates.server],
    [`listener.name.${name}.ssl.truststore.type`, "PEM"],
    [`listener.name.${name}.ssl.truststore.location`, certificates.ca],
  ]);
  return {
    listeners: [
      { name: "SECURE", protocol: "SASL_SSL", advertisedHost: "localhost", port: saslSslPort },
      { name: "MUTUAL", protocol: "SSL", advertisedHost: "localhost", port: mutualPort },
    ],
    properties: {
      ...Object.fromEntries(stores),
      "listener.name.mutual.ssl.client.auth": "required",
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
