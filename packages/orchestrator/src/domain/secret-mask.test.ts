import { strict as assert } from "node:assert";
import { test } from "node:test";
import { SecretMask } from "./secret-mask.ts";

test("a connection's secrets are hidden wherever they lie in it, also as JSON and URLs write them", () => {
  const mask = new SecretMask();
  const extra = {
    region_name: "eu-west-1",
    auth: { client_secret: "deep-one" },
    tokens: [{ token: 'qu"oted' }],
    "sasl.jaas.config": "jaas-one",
  };
  mask.addConnection({ id: "c", connType: "x", password: "p@ss/word", extra });
  assert.equal(mask.apply("p@ss/word deep-one jaas-one eu-west-1"), "*** *** *** eu-west-1");
  assert.equal(mask.apply("postgres://me:p%40ss%2Fword@host"), "postgres://me:***@host");
  assert.deepEqual(JSON.parse(mask.applyToJson(JSON.stringify({ got: 'a qu"oted text', "deep-one": 1 }))), { got: "a *** text", "***": 1 });
});
