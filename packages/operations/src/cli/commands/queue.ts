import type { QueueCounts } from "@es/core";
import type { Command } from "../command.js";
import { formatFields } from "../fields.js";

export const queueCommands: readonly Command[] = [
  {
    name: "queue",
    summary: "how many runs wait, are active, are parked",
    async run({ client }) {
      const counts = await client.get<QueueCounts>("queue");
      return {
        json: counts,
        text: formatFields({
          pending: counts.pending,
          active: counts.active,
          "dead letters": counts.deadLetters,
        }),
      };
    },
  },
];
