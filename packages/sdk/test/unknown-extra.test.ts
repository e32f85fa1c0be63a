import { strict as assert } from "node:assert";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { warnOfUnknownExtra } from "@millrace/sdk/provider";

const known = ["sasl.username", "sasl.password", "group.id"];

test("an unknown key is told once per connection, with the nearest known one and without its value", () => {
  const id = `connection-${randomUUID()}`;
  const warnings: string[] = [];
  const log = { warn: (message: string) => warnings.push(message) };
  const extra = { "sasl.pasword": "s3cret", "linger.ms": 5, group: "h", "group.id": "g" };
  warnOfUnknownExtra({ id, extra }, known, log);
  assert.deepEqual(warnings, [
    `connection "${id}": "sasl.pasword" in its extra is not a key that is used here, it has no effect; did you mean "sasl.password"?`,
    `connection "${id}": "linger.ms" in its extra is not a key that is used here, it has no effect`,
    `connection "${id}": "group" in its extra is not a key that is used here, it has no effect; did you mean "group.id"?`,
  ]);
  warnOfUnknownExtra({ id, extra }, known, log);
  assert.equal(warnings.length, 3);
  warnOfUnknownExtra({ id: `${id}-2`, extra }, known, log);
  assert.equal(warnings.length, 6);
});
