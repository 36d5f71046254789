import type { QueueCounts } from "@es/processing";
import type { Command } from "../command.js";
import { formatFields } from "../fields.js";
import { pathOf, projectionOption } from "../projectionOption.js";

export const queueCommands: readonly Command[] = [
  {
    name: "queue",
    summary: "how many runs wait, are active, are parked",
    options: { projection: projectionOption },
    async run({ client, options }) {
      const counts = await client.get<QueueCounts>(pathOf("queue", options));
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
