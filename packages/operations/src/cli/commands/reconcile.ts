import type { Command } from "../command.js";
import { pathOf, projectionOption } from "../projectionOption.js";

export const reconcileCommands: readonly Command[] = [
  {
    name: "reconcile",
    summary: "schedule everything whose projection lags behind its events, now",
    options: { projection: projectionOption },
    async run({ client, options }) {
      const result = await client.post<{ readonly scheduled: number }>(pathOf("reconcile", options));
      return { json: result, text: `Scheduled ${result.scheduled} that lagged behind their events` };
    },
  },
];
