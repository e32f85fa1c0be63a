import { type Asset, type Dag, defineDag, type Destination, type Infer } from "@millrace/sdk";
import { z } from "zod";
import model from "./model/model.json" with { type: "json" };
import { predict } from "./model/predict.ts";

/** Who can be answered; whether the measurements are any is for the task to say, in its reply. */
export const requestSchema = z.object({ id: z.string().min(1), measurements: z.unknown().optional() });

export const replySchema = z.union([
  z.object({ id: z.string(), condition: z.string(), probability: z.number() }),
  z.object({ id: z.string(), error: z.string() }),
]);

const measurementsSchema = z.object({
  rpm: z.number().positive(),
  vibration: z.number().nonnegative(),
  kurtosis: z.number().positive(),
  celsius: z.number().min(-50).max(300),
});

type Request = Infer<typeof requestSchema>;
type Reply = Infer<typeof replySchema>;

function answer({ id, measurements }: Request): Reply {
  const { success, data, error } = measurementsSchema.safeParse(measurements);
  if (!success) return { id, error: z.prettifyError(error) };
  const { label, probability } = predict(model, [data.rpm, data.vibration, data.kurtosis, data.celsius]);
  return { id, condition: label, probability: Math.round(probability * 1_000) / 1_000 };
}

/** A run for each request, as many at once as there are, and a reply to each: the prediction, or what is wrong with the request. */
export function classifyBearings(
  id: string,
  requests: Asset<string, Request, Request>,
  replies: Destination<Reply, { headers?: Readonly<Record<string, string>> }>,
): Dag {
  return defineDag(id, { schedule: requests, retries: 2, retryDelay: "1s" }, (dag) => {
    dag.task("predict", ({ event, publish }) => {
      const reply = answer(event.payload);
      publish(replies, reply, { headers: { "correlation-id": reply.id } });
      return reply;
    });
  });
}
