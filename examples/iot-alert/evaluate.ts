import { type Asset, type Dag, defineDag, type Destination, each, type Infer } from "@millrace/sdk";
import { z } from "zod";

/** What a sensor sends. */
export const readingSchema = z.object({ sensor: z.string(), celsius: z.number(), at: z.string() });

/** What comes out on the other queue. */
export const alertSchema = z.object({ sensor: z.string(), at: z.string(), risk: z.number() });

type Reading = Infer<typeof readingSchema>;
type Alert = Infer<typeof alertSchema>;

const WARM_CELSIUS = 60;
const CRITICAL_CELSIUS = 100;

/** 0 for a warm machine, 1 for one that is about to fail. */
function riskOf({ celsius }: Reading): number {
  return (celsius - WARM_CELSIUS) / (CRITICAL_CELSIUS - WARM_CELSIUS);
}

/** A run for each warm reading, an alert for each that is more than half way to critical. */
export function evaluateReadings(id: string, readings: Asset<string, Reading, Reading>, alerts: Destination<Alert>): Dag {
  return defineDag(id, { schedule: each(readings, { where: "payload.celsius > 60" }), retries: 3 }, (dag) => {
    const risk = dag.task("risk", ({ event }) => riskOf(event.payload));
    dag.task("alert", { needs: { risk } }, ({ event, risk, publish }) => {
      const { sensor, at } = event.payload;
      if (risk > 0.5) publish(alerts, { sensor, at, risk });
    });
  });
}
