export { eventually } from "./eventually.ts";
export { FauxqsServer, sharedFauxqs, startFauxqs, type FauxqsOptions, type SqsTestMessage } from "./fauxqs-server.ts";
export { KafkaServer, sharedKafka, startKafka } from "./kafka-server.ts";
export type { KafkaReadRecord, KafkaTestClient, KafkaTestRecord } from "./kafka-test-client.ts";
export { skipWithout } from "./skip-without.ts";
