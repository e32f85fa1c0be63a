import { randomUUID } from "node:crypto";
import { sharedFauxqs, startFauxqs, testProviderConformance, type ConformanceBroker, type FauxqsServer } from "@millrace/test-services";
import { provider } from "./provider.ts";

function brokerOf(server: FauxqsServer): ConformanceBroker {
  const { login, password, extra } = server.connection();
  const missing = `missing-${randomUUID()}`;
  const missingParams = { queueUrl: `${server.url}/000000000000/${missing}` };
  return {
    connection: { id: "aws_default", connType: "aws", login, password, extra: { ...extra, wait_time_seconds: 1 } },
    missing: { name: missing, triggerParams: missingParams, destinationParams: missingParams },
    async createQueue() {
      const name = `test-${randomUUID()}`;
      const address = await server.createQueue({ name, attributes: { VisibilityTimeout: "6" } });
      // As in a DAG file: the connection's endpoint replaces this host.
      const queueUrl = `https://sqs.eu-west-1.amazonaws.com/000000000000/${name}`;
      return {
        name,
        triggerParams: { queueUrl, visibilityTimeout: 6 },
        destinationParams: { queueUrl },
        produce: (messages) =>
          server.send(
            address,
            messages.map(({ value, headers }) => ({ body: String(value), ...(headers === undefined ? {} : { attributes: headers }) })),
          ),
        async read() {
          const messages = await server.receive(address);
          return messages.map(({ Body, MessageAttributes = {} }) => ({
            value: Buffer.from(Body ?? ""),
            headers: Object.fromEntries(Object.entries(MessageAttributes).map(([key, attribute]) => [key, attribute.StringValue ?? ""])),
          }));
        },
      };
    },
    kill: () => server.kill(),
    start: () => server.start(),
  };
}

testProviderConformance("SQS", {
  kind: "sqs",
  provider,
  providerUrl: new URL("provider.ts", import.meta.url).href,
  skip: false,
  shared: async () => brokerOf(await sharedFauxqs()),
  async own(t) {
    const server = await startFauxqs({ persistence: true });
    t.after(() => server.stop());
    return brokerOf(server);
  },
  missingCode: "QUEUE_NOT_FOUND",
  hasLag: false,
  payloads: { "not JSON": Buffer.from("{broken"), "a quote and a brace": Buffer.from('"}') },
  rejectedBody: Buffer.from([0xff, 0x00, 0xfe]),
});
