import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "@millrace/test-services";
import { makeProject } from "./standalone-process.ts";

const DAG = `
import { defineAsset, defineDag } from "@millrace/sdk";
export const files = defineAsset("files", { uri: "file://files" });
export default defineDag("load", { schedule: files }, (dag) => { dag.task("load", ({ event }) => event.payload); });
`;

test("events made by hand are held while their DAG is paused, then decided, or dropped", async (t) => {
  const project = makeProject(t, { "load.ts": DAG });
  const server = await project.start();
  const runs = async (): Promise<any[]> => JSON.parse((await project.run(["runs", "list", "load", "-o", "json"])).out);
  const event = async (payload: string): Promise<any> =>
    JSON.parse((await project.run(["assets", "event", "file://files", "--payload", payload, "-o", "json"])).out).event;

  assert.equal((await project.run(["dags", "pause", "load"])).out, "load is paused: events that arrive from now on are held\n");
  await event("1");
  const second = await event("2");
  const { body } = await server.get("/api/v2/dags/load/assets/queuedEvents");
  assert.deepEqual([body.queued_events[0].count, body.queued_events[0].dag_id], [2, "load"]);
  assert.match((await project.run(["assets", "show", "files"])).out, /^Waiting +2 events for load, since /m);
  assert.match(
    (await project.run(["dags", "show", "load"])).out,
    /^State +paused\n(?:.*\n)*?Held +2 events held since 20.*Z: the DAG is paused$/m,
  );
  assert.match(
    (await project.run(["dags", "list"])).out,
    /^load +paused +.* 2 +load\.ts[^]*^load: 2 events held since 20.*: the DAG is paused$/m,
  );
  assert.match((await project.run(["events", "explain", String(second.id)])).out, /^load: (is held, since the DAG is paused|waits)/m);
  assert.deepEqual(await runs(), []);
  assert.equal((await project.run(["dags", "unpause", "load"])).out, "load is active: 2 events that waited are decided now\n");
  await eventually(async () =>
    assert.deepEqual(
      (await runs()).map(({ state }) => state),
      ["success", "success"],
    ),
  );

  await project.run(["dags", "pause", "load"]);
  const third = await event("3");
  assert.equal((await project.run(["dags", "unpause", "load", "--drop"])).out, "load is active: no event waits\n");
  assert.match((await project.run(["events", "explain", String(third.id)])).out, /^load: dropped: given up when the DAG was unpaused$/m);
  assert.equal((await runs()).length, 2);
  await project.run(["dags", "pause", "load"]);
  const fourth = await event("4");
  await server.delete("/api/v2/dags/load/assets/queuedEvents");
  assert.equal((await server.get("/api/v2/dags/load/assets/queuedEvents")).body.total_entries, 0);
  assert.match((await project.run(["events", "explain", String(fourth.id)])).out, /^load: dropped: given up by command$/m);
  await project.run(["dags", "unpause", "load"]);
  const { out } = await project.run(["xcoms", "list", "load", "latest"]);
  assert.match(out, /^load +return_value +2$/m);
  assert.equal(await server.stop(), 0);
});
