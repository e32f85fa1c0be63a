import { Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { issueToken } from "../auth/api-token.ts";
import type { LoginLimit } from "../auth/login-limit.ts";
import { verifyPassword } from "../auth/password.ts";

const MAX_PASSWORD_LENGTH = 1_000;
const Credentials = Type.Object({
  username: Type.String({ minLength: 1, maxLength: 250 }),
  password: Type.String({ minLength: 1, maxLength: MAX_PASSWORD_LENGTH }),
});
const Token = Type.Object({ access_token: Type.String() });

/** Both of Airflow's paths; they differ there in how long a token lives, here not. */
export function loginRoutes(app: ApiServer, { accounts, clock }: ApiContext, limit: LoginLimit): void {
  for (const url of ["/auth/token", "/auth/token/cli"]) {
    const schema = {
      tags: ["Login"],
      summary: "A token for a name and a password, good for 24 hours",
      security: [],
      body: Credentials,
      response: { 201: Token },
    };
    app.post(url, { config: { role: "public" }, schema }, async (request, reply) => {
      const { username, password } = request.body;
      const account = await limit.attempt(request.ip, async () => {
        const found = await accounts.find(username);
        return (await verifyPassword(password, found?.passwordHash ?? null)) ? found : null;
      });
      if (account === null) throw new MillraceError("UNAUTHENTICATED", "wrong user name or password", { hint: "check both and try again" });
      return reply.status(201).send({ access_token: await issueToken(accounts, account.name, clock.now()) });
    });
  }
}
