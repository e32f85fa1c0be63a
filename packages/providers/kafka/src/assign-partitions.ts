import type { GroupPartitionsAssigner } from "@platformatic/kafka";

/**
 * Kafka's round-robin assignor: each partition to the next member that subscribes to its topic. The client's own gives every
 * member partitions of the leader's topics, so that triggers with different topics in one group (a connection's `group.id`)
 * would be given what they do not read.
 */
export const assignPartitions: GroupPartitionsAssigner = (_current, members, _topics, metadata) => {
  const assigned = [...members.keys()].toSorted().map((memberId) => ({
    memberId,
    topics: new Set(members.get(memberId)?.topics),
    assignments: new Map<string, { topic: string; partitions: number[] }>(),
  }));
  let turn = 0;
  for (const topic of new Set(assigned.flatMap((member) => [...member.topics]).toSorted())) {
    const subscribers = assigned.filter((member) => member.topics.has(topic));
    const count = metadata.topics.get(topic)?.partitionsCount ?? 0;
    for (let partition = 0; partition < count; partition += 1) {
      const { assignments } = subscribers[turn++ % subscribers.length]!;
      const own = assignments.get(topic) ?? { topic, partitions: [] };
      own.partitions.push(partition);
      assignments.set(topic, own);
    }
  }
  return assigned.map(({ memberId, assignments }) => ({ memberId, assignments }));
};
