import { strict as assert } from "node:assert";
import { test } from "node:test";
import { PeerLiveness } from "./peer-liveness.ts";

const peers = new PeerLiveness({ deadAfterMs: 3_000, everyMs: 1_000 });

test("a process whose counter stands still is dead, by the observer's clock", () => {
  const seen = [0, 1_000, 2_000, 3_000].map((now) =>
    peers.observe(
      [
        { id: 1, heartbeat: 7 },
        { id: 2, heartbeat: now },
      ],
      now,
    ),
  );
  assert.deepEqual(seen, [[], [], [], [1]]);
});

test("one that beats again in time lives", () => {
  assert.deepEqual(peers.observe([{ id: 1, heartbeat: 8 }], 4_000), []);
  assert.deepEqual(peers.observe([{ id: 1, heartbeat: 8 }], 5_000), []);
});

test("time in which nobody could look does not count: an outage of the database kills no one", () => {
  assert.deepEqual(
    peers.observe(
      [
        { id: 1, heartbeat: 8 },
        { id: 3, heartbeat: 1 },
      ],
      65_000,
    ),
    [1],
    "2 s at most are counted, and it was silent for 1 s",
  );
  const fresh = new PeerLiveness({ deadAfterMs: 10_000, everyMs: 1_000 });
  fresh.observe([{ id: 1, heartbeat: 1 }], 0);
  assert.deepEqual(fresh.observe([{ id: 1, heartbeat: 1 }], 90_000), []);
  assert.deepEqual(fresh.observe([{ id: 1, heartbeat: 2 }], 91_000), []);
});
