import type { Command } from "../command.js";

export const reconcileCommands: readonly Command[] = [
  {
    name: "reconcile",
    summary: "schedule every trace whose projection lags behind its spans, now",
    async run({ client }) {
      const result = await client.post<{ readonly scheduled: number }>("reconcile");
      return { json: result, text: `Scheduled ${result.scheduled} that lagged behind their spans` };
    },
  },
];
