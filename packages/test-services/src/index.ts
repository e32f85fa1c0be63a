export type { ConformanceBroker } from "./conformance-broker.ts";
export { eventually } from "./eventually.ts";
export { FauxqsServer, sharedFauxqs, startFauxqs, type FauxqsOptions, type SqsTestMessage } from "./fauxqs-server.ts";
export { KafkaServer, sharedKafka, startKafka } from "./kafka-server.ts";
export type { KafkaReadRecord, KafkaTestClient, KafkaTestRecord } from "./kafka-test-client.ts";
export { MessageStore } from "./message-store.ts";
export { startMoto } from "./moto-server.ts";
export { testProviderConformance } from "./provider-conformance.testsuite.ts";
export { skipWithout } from "./skip-without.ts";
