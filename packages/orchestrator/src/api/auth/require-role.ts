import type { FastifyRequest } from "fastify";
import { type Account, ROLES, type Role } from "../../domain/account-store.ts";
import type { Actor } from "../../domain/audit-log.ts";
import type { Clock } from "../../domain/clock.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiContext } from "../api-context.ts";
import { hashToken } from "./api-token.ts";

/** Refuses a request without a token whose account has the route's role, or a greater one. */
export function requireRole({ accounts, clock }: ApiContext) {
  return async (request: FastifyRequest): Promise<void> => {
    const needed = request.routeOptions.config.role ?? "viewer";
    if (needed === "public") return;
    const token = /^Bearer ([A-Za-z0-9_.~+/=-]+)$/i.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined) throw new MillraceError("UNAUTHENTICATED", "expected a header 'Authorization: Bearer TOKEN', got none");
    const account = await accounts.findByToken(hashToken(token), clock.now());
    if (account === null) throw new MillraceError("UNAUTHENTICATED", "the token is not known here, or has expired");
    assertRole(account, needed);
    request.account = account;
  };
}

/** For what depends on more than the route. @throws {MillraceError} FORBIDDEN */
export function assertRole(account: Account | null, needed: Role): void {
  if (account === null || !isAtLeast(account.role, needed))
    throw new MillraceError("FORBIDDEN", `this needs the role '${needed}', account '${account?.name}' has '${account?.role}'`);
}

/** Who makes this request, now. */
export function actorOf({ account }: Pick<FastifyRequest, "account">, clock: Clock): Actor {
  return { userName: account?.name ?? "", at: clock.now() };
}

export function isAtLeast(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
