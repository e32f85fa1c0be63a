// A server that speaks SQS's wire protocol: in memory, on the loopback interface alone. It prints where; its argument is the port.
import { buildApp } from "fauxqs";

const port = Number(process.argv[2] ?? 0);
const app = buildApp({ logger: false });
console.log(`listening at ${await app.listen({ host: "127.0.0.1", port })}`);
process.once("SIGTERM", () => void app.close().then(() => process.exit(0)));
