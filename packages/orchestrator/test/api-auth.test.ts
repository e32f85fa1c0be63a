import assert from "node:assert/strict";
import { test } from "node:test";
import { ADMIN_NAME, ensureAdmin } from "../src/api/auth/ensure-admin.ts";
import { hashToken, issueToken, TOKEN_LIFETIME_MS } from "../src/api/auth/api-token.ts";
import { LoginLimit } from "../src/api/auth/login-limit.ts";
import { verifyPassword } from "../src/api/auth/password.ts";
import { systemClock } from "../src/domain/clock.ts";
import { SqliteRunner } from "../src/metadata-db/sqlite/sqlite-runner.ts";
import { SqlAccountStore } from "../src/metadata-db/stores/account-store.ts";
import { PASSWORD, startApi } from "./api-harness.ts";
import { seedDatabase } from "./seeded-database.ts";

test("a name and a password give a token, on both of Airflow's paths", async (t) => {
  const api = await startApi(t);
  for (const path of ["/auth/token", "/auth/token/cli"]) {
    const { status, body } = await api.post(path, { username: "admin", password: PASSWORD }, { authorization: "" });
    assert.equal(status, 201);
    assert.equal((await api.get("/api/v2/dags", { authorization: `Bearer ${body.access_token}` })).status, 200);
  }
});

test("a wrong password, an unknown name, and a missing, wrong or foreign token are all 401", async (t) => {
  const api = await startApi(t);
  const login = async (username: string, password: string) => api.post("/auth/token", { username, password });
  const [wrong, unknown] = [await login("admin", "wrong"), await login("nobody", PASSWORD)];
  assert.deepEqual([wrong.status, wrong.body.detail], [401, "wrong user name or password"]);
  assert.deepEqual(unknown.body, wrong.body);
  for (const authorization of ["", "Basic YTpi", "Bearer ", "Bearer nope"]) {
    const { status, headers } = await api.get("/api/v2/dags", { authorization });
    assert.deepEqual([status, headers.get("www-authenticate")], [401, "Bearer"]);
  }
  assert.equal((await api.post("/auth/token", { username: "admin" })).status, 400);
  assert.equal((await api.get("/no/such/route", { authorization: "" })).status, 401);
});

test("a viewer reads, an operator starts runs", async (t) => {
  const api = await startApi(t);
  const start = async (token: string) =>
    api.post("/api/v2/dags/by_hand/dagRuns", { logical_date: null }, { authorization: `Bearer ${token}` });
  const viewer = await api.tokenOf("viewer");
  assert.equal((await api.get("/api/v2/dags", { authorization: `Bearer ${viewer}` })).status, 200);
  const { status, body } = await start(viewer);
  assert.deepEqual([status, body.code], [403, "FORBIDDEN"]);
  assert.match(body.detail, /'operator'.*'viewer'/);
  assert.equal((await start(await api.tokenOf("operator"))).status, 200);
});

test("a token is stored as its hash, lives a day, and ends with its password", async (t) => {
  const { db } = seedDatabase(t);
  const accounts = new SqlAccountStore(new SqliteRunner(db));
  await ensureAdmin(accounts, "one", 0);
  const token = await issueToken(accounts, ADMIN_NAME, 1000);
  assert.equal((await accounts.findByToken(hashToken(token), TOKEN_LIFETIME_MS + 999))?.role, "admin");
  assert.equal(await accounts.findByToken(hashToken(token), TOKEN_LIFETIME_MS + 1000), null);
  assert.doesNotMatch(JSON.stringify(db.prepare("SELECT * FROM api_token").all()), new RegExp(token));
  await ensureAdmin(accounts, "one", 2000);
  assert.notEqual(await accounts.findByToken(hashToken(token), 2000), null);
  await ensureAdmin(accounts, "two", 2000);
  assert.equal(await accounts.findByToken(hashToken(token), 2000), null);
  await issueToken(accounts, ADMIN_NAME, 3000);
  await issueToken(accounts, ADMIN_NAME, 3001 + TOKEN_LIFETIME_MS);
  assert.equal(db.prepare("SELECT count(*) FROM api_token").pluck().get(), 1);
});

test("an admin's password is made up once, kept, and overwritten by a given one", async (t) => {
  const { db } = seedDatabase(t);
  const accounts = new SqlAccountStore(new SqliteRunner(db));
  const stored = async () => (await accounts.find(ADMIN_NAME))?.passwordHash ?? null;
  const made = await ensureAdmin(accounts, null, 0);
  assert.ok(made !== null && made.length >= 20);
  assert.ok(await verifyPassword(made, await stored()));
  assert.equal(await ensureAdmin(accounts, null, 0), null);
  assert.equal(await ensureAdmin(accounts, "given", 0), null);
  assert.ok(await verifyPassword("given", await stored()));
  assert.ok(!(await verifyPassword(made, await stored())));
  assert.doesNotMatch((await stored())!, /given/);
  assert.equal(await verifyPassword("", null), false);
});

test("the eleventh wrong password of a minute is not even checked, from that address alone", async () => {
  let now = 0;
  const limit = new LoginLimit({ ...systemClock, monotonic: () => now });
  let checked = 0;
  const wrong = async () => {
    checked += 1;
    return null;
  };
  for (let n = 0; n < 10; n += 1) await limit.attempt("a", wrong);
  await assert.rejects(
    limit.attempt("a", async () => "right"),
    { code: "TOO_MANY_ATTEMPTS" },
  );
  assert.equal(checked, 10);
  assert.equal(await limit.attempt("b", async () => "right"), "right");
  now += 60_001;
  for (let n = 0; n < 30; n += 1) assert.equal(await limit.attempt("a", async () => "right"), "right");
});
