// A server that speaks SQS's wire protocol: in memory, on a free port of the loopback interface alone, which is what it prints.
import { buildApp } from "fauxqs";

const app = buildApp({ logger: false, host: "127.0.0.1" });
console.log(`listening at ${await app.listen({ host: "127.0.0.1", port: 0 })}`);
process.once("SIGTERM", () => void app.close().then(() => process.exit(0)));
