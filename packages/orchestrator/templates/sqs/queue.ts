// `npm run queue`: an SQS server in memory, for this machine alone, with the queue that dags/hello-sqs.ts waits for.
import { buildApp } from "fauxqs";

const server = buildApp({ logger: false });
const address = await server.listen({ host: "127.0.0.1", port: 4566 });
const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.CreateQueue" };
await fetch(address, { method: "POST", headers, body: JSON.stringify({ QueueName: "hello" }) });
console.log(`an SQS server listens at ${address}, with the queue 'hello'`);
