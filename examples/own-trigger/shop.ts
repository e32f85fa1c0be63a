// A shop's API, small enough to read: `GET /orders?after=ID` lists, `POST /orders` adds. Its token is `demo`.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

interface Order {
  readonly id: number;
  readonly customer: string;
  readonly total: number;
}

const PAGE_SIZE = 100;

/** Listens on the loopback interface. */
export async function openShop(port: number): Promise<Server> {
  const orders: Order[] = [];
  const server = createServer((request, response) => void answer(orders, request, response));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}

async function answer(orders: Order[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.headers.authorization !== "Bearer demo") return send(response, 401, { error: "expected the token" });
  if (request.method === "POST") {
    const order = { id: orders.length + 1, ...(JSON.parse(await text(request)) as Omit<Order, "id">) };
    orders.push(order);
    return send(response, 201, order);
  }
  const after = Number(new URL(request.url ?? "/", "http://shop").searchParams.get("after"));
  send(response, 200, orders.filter(({ id }) => id > after).slice(0, PAGE_SIZE));
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

if (import.meta.main) await openShop(4570);
