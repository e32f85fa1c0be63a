import { existsSync } from "node:fs";
import { join } from "node:path";
import { ChildServer, findFreePorts } from "./child-server.ts";

/** Why no moto can be started here, and what to do; null where one can. */
export function whyNoMoto(): string | null {
  if (findMoto() !== null) return null;
  return "moto is not installed: `pip install 'moto[server,sqs,sts]'`, and put moto_server on the PATH or its path into MILLRACE_TEST_MOTO";
}

function findMoto(): string | null {
  const given = process.env["MILLRACE_TEST_MOTO"];
  const candidates = given === undefined ? (process.env["PATH"] ?? "").split(":").map((dir) => join(dir, "moto_server")) : [given];
  return candidates.find((file) => existsSync(file)) ?? null;
}

/** A server that speaks SQS and STS, with an account behind each role. */
class MotoServer {
  /** http://127.0.0.1:port */
  readonly url: string;
  readonly #server: ChildServer;

  constructor(url: string, server: ChildServer) {
    this.url = url;
    this.#server = server;
  }

  /** The URL of a new queue of an account, which only a role of it reaches. */
  async createQueue(accountId: string): Promise<string> {
    const response = await fetch(this.url, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "AmazonSQS.CreateQueue",
        "x-moto-account-id": accountId,
        authorization: "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=none",
      },
      body: JSON.stringify({ QueueName: "test" }),
    });
    const { QueueUrl: queueUrl } = (await response.json()) as { QueueUrl?: string };
    if (queueUrl === undefined) throw new Error(`expected a queue URL from moto, got status ${response.status}`);
    return queueUrl;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

export async function startMoto(): Promise<MotoServer> {
  const file = findMoto();
  if (file === null) throw new Error(whyNoMoto()!);
  const [port] = await findFreePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const server = new ChildServer({ name: "moto" }, () => ({
    file,
    args: ["-H", "127.0.0.1", "-p", String(port)],
    isReady: async () => (await fetch(`${url}/moto-api/`)).ok,
  }));
  await server.start();
  return new MotoServer(url, server);
}
