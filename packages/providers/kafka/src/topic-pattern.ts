import { TriggerError, type OpenTriggerContext } from "@millrace/sdk/provider";
import { Admin } from "@platformatic/kafka";
import { RE2JS } from "re2js";
import type { ClientOptions } from "./connection.ts";

/** Topics by a pattern on their names; Kafka's internal ones are never among them. Matching takes time linear in the name. */
export class TopicPattern {
  readonly text: string;
  readonly #regex: RE2JS;

  /** @throws {TriggerError} TOPIC_NOT_FOUND, for what is no pattern */
  constructor(text: string) {
    this.text = text;
    try {
      this.#regex = RE2JS.compile(text);
    } catch (cause) {
      const message = `expected "topicPattern" to be a pattern (RE2), got "${text}": ${(cause as Error).message}`;
      throw new TriggerError("TOPIC_NOT_FOUND", message, { cause });
    }
  }

  /** The names of all topics there are now that match, in order. */
  async list(options: ClientOptions): Promise<string[]> {
    const admin = new Admin({ ...options, retries: 1, retryDelay: 100 });
    try {
      const names = await admin.listTopics();
      return names.filter((name) => this.#regex.matcher(name).find()).toSorted();
    } finally {
      await admin.close();
    }
  }

  /**
   * Whether this pattern was read before in this group: topics that are new since then begin at their beginning,
   * however long nobody read. From now on it was.
   */
  async begin(options: ClientOptions, group: string, context: OpenTriggerContext): Promise<boolean> {
    const admin = new Admin({ ...options, retries: 1, retryDelay: 100 });
    try {
      const { id } = await admin.metadata({ topics: [] });
      const source = `${id}/${group}/${this.text}`;
      const hasBegun = (await context.positions(source)).size > 0;
      if (!hasBegun) await context.startPositions(source, new Map([["", 0n]]));
      return hasBegun;
    } finally {
      await admin.close();
    }
  }
}
