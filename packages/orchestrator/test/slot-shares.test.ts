import { strict as assert } from "node:assert";
import { test } from "node:test";
import { SlotShares } from "../src/worker/remote/slot-shares.ts";

test("one scheduler is offered everything, and what its tries free again", () => {
  const shares = new SlotShares<string>(4);
  shares.join("a");
  assert.deepEqual(
    shares.settle(() => true),
    { offers: [["a", 4]], reclaims: [] },
  );
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => shares.use("a")),
    [true, true, true, true, false],
  );
  assert.deepEqual(
    shares.settle(() => true),
    { offers: [], reclaims: [] },
  );
  shares.end("a");
  assert.deepEqual(shares.settle(() => true).offers, [["a", 1]]);
});

test("a second scheduler gets what the first one does not use, without the sum ever being more than there is", () => {
  const shares = new SlotShares<string>(8);
  shares.join("a");
  shares.settle(() => true);
  for (let used = 0; used < 3; used += 1) shares.use("a");
  shares.join("b");
  assert.deepEqual(
    shares.settle(() => true),
    { offers: [], reclaims: [] },
    "nothing is free: a has 3 running and 5 credits",
  );
  shares.want("b");
  assert.deepEqual(
    shares.settle(() => true),
    { offers: [], reclaims: [["a", 4]] },
  );
  assert.deepEqual(shares.settle(() => true).reclaims, [], "it was asked already");
  // Meanwhile a has used two of them.
  shares.use("a");
  shares.use("a");
  shares.giveBack("a", 2);
  assert.deepEqual(shares.settle(() => true).offers, [["b", 2]]);
});

test("with fewer slots than schedulers, the one slot goes round to whoever wants it", () => {
  const shares = new SlotShares<string>(1);
  for (const name of ["a", "b", "c"]) shares.join(name);
  assert.deepEqual(shares.settle(() => true).offers, [["a", 1]]);
  shares.want("c");
  assert.deepEqual(shares.settle(() => true).reclaims, [["a", 1]]);
  shares.giveBack("a", 1);
  assert.deepEqual(shares.settle(() => true).offers, [["c", 1]], "b has as little, and does not want it");
  shares.use("c");
  for (const name of ["a", "b"]) shares.want(name);
  shares.end("c");
  shares.want("c");
  assert.deepEqual(shares.settle(() => true).offers, [["b", 1]], "b has waited longest");
});

test("a scheduler that is cut off loses its credits, not what runs of it", () => {
  const shares = new SlotShares<string>(4);
  shares.join("a");
  shares.settle(() => true);
  shares.use("a");
  shares.leave("a");
  shares.join("b");
  assert.deepEqual(shares.settle(() => true).offers, [["b", 3]]);
  shares.join("a");
  assert.deepEqual(shares.settle(() => true).offers, [], "one runs, three are b's");
  shares.end("a");
  assert.deepEqual(shares.settle(() => true).offers, [["a", 1]]);
});

test("nothing is offered while there is no room, and all of it once there is", () => {
  const shares = new SlotShares<string>(2);
  shares.join("a");
  assert.deepEqual(shares.settle(() => false).offers, []);
  assert.deepEqual(shares.settle(() => true).offers, [["a", 2]]);
});

test("random acts never give out more than there is, and who wants a slot gets one", () => {
  for (let seed = 1; seed <= 50; seed += 1) play(seed);
});

/** Members that use, end, want and give back at random, as their ends of sockets do: in order, each a while later. */
function play(seed: number): void {
  let state = seed;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const total = 1 + random(6);
  const names = ["a", "b", "c"].slice(0, 1 + random(3));
  const shares = new SlotShares<string>(total);
  const ends = new Map(names.map((name) => [name, { credits: 0, running: 0, inbox: [] as [string, number][] }]));
  for (const name of names) shares.join(name);
  const tell = (): void => {
    const { offers, reclaims } = shares.settle(() => true);
    for (const [name, count] of offers) ends.get(name)!.inbox.push(["offer", count]);
    for (const [name, count] of reclaims) ends.get(name)!.inbox.push(["reclaim", count]);
    const out = [...ends.values()].reduce((sum, end) => sum + end.running + end.credits + offered(end.inbox), 0);
    assert.ok(out <= total, `seed ${seed}: ${out} of ${total}`);
  };
  tell();
  for (let act = 0; act < 400; act += 1) {
    const name = names[random(names.length)]!;
    const end = ends.get(name)!;
    const message = end.inbox.shift();
    if (message?.[0] === "offer") end.credits += message[1];
    if (message?.[0] === "reclaim") {
      const count = Math.min(message[1], end.credits);
      end.credits -= count;
      shares.giveBack(name, count);
    }
    if (end.credits > 0 && random(2) === 0) {
      end.credits -= 1;
      end.running += 1;
      assert.ok(shares.use(name));
    } else if (end.credits === 0) shares.want(name);
    if (end.running > 0 && random(3) === 0) {
      end.running -= 1;
      shares.end(name);
    }
    tell();
  }
  // One that goes on wanting is offered something soon, whatever the others want.
  for (const [name, end] of ends) {
    for (; end.running > 0; end.running -= 1) shares.end(name);
  }
  for (let round = 0; round < 10; round += 1) {
    for (const [name, { credits }] of ends) if (credits === 0 && (name === names[0] || round % 2 === 0)) shares.want(name);
    tell();
    if (ends.get(names[0]!)!.credits > 0 || ends.get(names[0]!)!.inbox.some(([what]) => what === "offer")) return;
    for (const [name, end] of ends) {
      for (const [what, count] of end.inbox.splice(0)) {
        if (what === "offer") end.credits += count;
        else {
          const back = Math.min(count, end.credits);
          end.credits -= back;
          shares.giveBack(name, back);
        }
      }
    }
  }
  assert.fail(`seed ${seed}: the one that wants gets a slot`);
}

function offered(inbox: readonly (readonly [string, number])[]): number {
  return inbox.reduce((sum, [what, count]) => sum + (what === "offer" ? count : 0), 0);
}
