import type { AddressInfo } from "node:net";
import { MillraceError } from "../domain/errors.ts";
import type { ApiServer } from "./api-context.ts";

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/**
 * Starts to listen and returns the address a client on this machine uses.
 * @throws {MillraceError} PORT_IN_USE, CONFIG_INVALID
 */
export async function listen(app: ApiServer, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw toListenError(error as NodeJS.ErrnoException, host, port);
  }
  const { address, family, port: actual } = app.server.address() as AddressInfo;
  if (WILDCARDS.has(address)) return `http://127.0.0.1:${actual}`;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${actual}`;
}

function toListenError(cause: NodeJS.ErrnoException, host: string, port: number): unknown {
  const { code } = cause;
  if (code === "EADDRINUSE")
    return new MillraceError("PORT_IN_USE", `expected port ${port} of ${host} to be free, but another program listens there`, { cause });
  if (code === "EACCES")
    return new MillraceError("CONFIG_INVALID", `--port (MILLRACE_PORT): this user may not listen on port ${port}`, { cause });
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new MillraceError("CONFIG_INVALID", `--host (MILLRACE_HOST): expected an address of this machine, got '${host}'`, { cause });
  }
  return cause;
}
