import type { ReplayDetailsJson, ReplayJson } from "../../routes/replayRoutes.js";
import { usageError } from "../cliError.js";
import {
  type Command,
  type CommandCall,
  type CommandOption,
  type CommandOutput,
  type OptionValues,
  textOption,
} from "../command.js";
import { formatFields } from "../fields.js";
import { pathPart } from "../pathPart.js";
import { formatTable } from "../table.js";
import { terminalWidth } from "../terminalWidth.js";

interface ReplayList {
  readonly replays: readonly ReplayJson[];
  readonly nextCursor: string | null;
}

const id = { usage: "<id>", least: 1, most: 1 };
const rate: CommandOption = { value: "N", description: "traces per second, 0 for no limit" };

export const replayCommands: readonly Command[] = [
  {
    name: "replay start",
    summary: "rebuild projections from what is stored; all unless told which",
    options: {
      tenant: { value: "TENANT", description: "only this tenant's" },
      trace: { value: "ID,…", description: "only these traces, at most 1000" },
      from: { value: "TIME", description: "only traces with a span accepted at or after it" },
      to: { value: "TIME", description: "only traces with a span accepted before it" },
      rate: { ...rate, description: `${rate.description} (200)` },
      force: { description: "replace projections although nothing changed" },
    },
    async run({ client, options }) {
      const aggregateIds = textOption(options, "trace")?.split(",").filter(Boolean);
      return shown(
        await client.post<ReplayDetailsJson>("replays", {
          tenantId: textOption(options, "tenant"),
          aggregateIds,
          from: textOption(options, "from"),
          to: textOption(options, "to"),
          ratePerSecond: rateOf(options),
          force: options.force,
        }),
      );
    },
  },
  {
    name: "replay list",
    summary: "the replays, newest first",
    options: {
      limit: { value: "N", description: "at most so many, up to 1000 (100)" },
      cursor: { value: "CURSOR", description: "go on after a page" },
    },
    async run({ client, options }) {
      const list = await client.get<ReplayList>("replays", {
        limit: textOption(options, "limit"),
        cursor: textOption(options, "cursor"),
      });
      return { json: list, text: listText(list) };
    },
  },
  {
    name: "replay show",
    summary: "how far one is, how long it will take, and what failed",
    parameters: id,
    async run({ client, parameters }) {
      return shown(await client.get<ReplayDetailsJson>(pathOf(parameters)));
    },
  },
  {
    name: "replay pause",
    summary: "let one stop where it is",
    parameters: id,
    run: (call) => change(call, "pause"),
  },
  {
    name: "replay resume",
    summary: "let one go on, or go at another rate",
    parameters: id,
    options: { rate },
    run: (call) => change(call, "resume", { ratePerSecond: rateOf(call.options) }),
  },
  {
    name: "replay cancel",
    summary: "stop one for good; what was rebuilt stays",
    parameters: id,
    run: (call) => change(call, "cancel"),
  },
];

async function change(
  { client, parameters }: CommandCall,
  verb: string,
  body: object = {},
): Promise<CommandOutput> {
  return shown(await client.post<ReplayDetailsJson>(`${pathOf(parameters)}/${verb}`, body));
}

function pathOf([replayId = ""]: readonly string[]): string {
  return `replays/${pathPart(replayId)}`;
}

/** As the API has it: `null` for no limit. */
function rateOf(options: OptionValues): number | null | undefined {
  const text = textOption(options, "rate");
  if (text === undefined) return undefined;
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw usageError(`--rate is ${JSON.stringify(text)}: expected a number from 0`);
  return value === 0 ? null : value;
}

function shown(replay: ReplayDetailsJson): CommandOutput {
  const failures = replay.failures.map((failure) => ({
    tenant: failure.tenantId,
    trace: failure.aggregateId,
    class: failure.errorClass,
    code: failure.code,
    reason: failure.reason,
  }));
  const more = replay.failed - failures.length;
  return {
    json: replay,
    text: [
      formatFields({
        id: replay.id,
        state: replay.state,
        reason: replay.stop === null ? null : `${replay.stop.code}: ${replay.stop.reason}`,
        tenant: replay.tenantId,
        listed: replay.listed,
        from: replay.from,
        to: replay.to,
        force: replay.force ? "yes" : null,
        progress: progressOf(replay),
        rebuilt: replay.rebuilt,
        "without spans": replay.empty === 0 ? null : replay.empty,
        failed: replay.failed,
        rate: replay.ratePerSecond === null ? "no limit" : `at most ${replay.ratePerSecond}/s`,
        speed: replay.perSecond === null ? null : `${replay.perSecond.toFixed(1)}/s`,
        remaining: remainingOf(replay),
        created: replay.createdAt,
        started: replay.startedAt,
        "last progress": replay.updatedAt,
        finished: replay.finishedAt,
      }),
      ...(failures.length === 0 ? [] : ["", formatTable(failures, terminalWidth(), { whole: ["trace"] })]),
      ...(more > 0 ? [`and ${more} more`] : []),
    ].join("\n"),
  };
}

function listText({ replays, nextCursor }: ReplayList): string {
  if (replays.length === 0) return "No replays";
  const rows = replays.map((replay) => ({
    id: replay.id,
    state: replay.state,
    which: whichOf(replay),
    progress: progressOf(replay),
    failed: String(replay.failed),
    remaining: remainingOf(replay) ?? "",
  }));
  const table = formatTable(rows, terminalWidth(), { whole: ["id"] });
  return nextCursor === null ? table : `${table}\nMore: --cursor ${nextCursor}`;
}

function whichOf({ tenantId, listed, from, to }: ReplayJson): string {
  const parts = [
    ...(tenantId === null ? [] : [`tenant ${tenantId}`]),
    ...(listed === null ? [] : [`${listed} listed`]),
    ...(from === null ? [] : [`from ${from}`]),
    ...(to === null ? [] : [`to ${to}`]),
  ];
  return parts.length === 0 ? "all" : parts.join(", ");
}

function progressOf({ processed, total, state }: ReplayJson): string {
  if (total === null) return String(processed);
  // Traces that came while it ran are beyond the total.
  const percent = total === 0 || state === "done" ? 100 : Math.min(100, (100 * processed) / total);
  return `${processed} of ${total} (${percent.toFixed(1)} %)`;
}

/** Such as `1 h 5 min`. */
function remainingOf({ remainingMs }: ReplayJson): string | null {
  if (remainingMs === null) return null;
  const seconds = Math.ceil(remainingMs / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
