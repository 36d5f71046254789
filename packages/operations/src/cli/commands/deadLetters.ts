import type { DeadLetterJson, RedriveLine } from "../../routes/deadLetterRoutes.js";
import { CliError, exitCodes, usageError } from "../cliError.js";
import { type Command, type CommandOption, type OptionValues, textOption } from "../command.js";
import { formatFields } from "../fields.js";
import type { OperationsClient } from "../operationsClient.js";
import { pathPart } from "../pathPart.js";
import { pathOf, projectionOption } from "../projectionOption.js";
import { formatTable } from "../table.js";
import { terminalWidth } from "../terminalWidth.js";

const tenant: CommandOption = { value: "TENANT", description: "only this tenant's" };
const ids = { usage: "[<id>…]", least: 0, most: Number.POSITIVE_INFINITY };
const selection: Readonly<Record<string, CommandOption>> = {
  tenant: { value: "TENANT", description: "those of this tenant" },
  all: { description: "all of them" },
  projection: projectionOption,
};

interface DeadLetterList {
  readonly deadLetters: readonly DeadLetterJson[];
  readonly nextCursor: string | null;
}

export const deadLetterCommands: readonly Command[] = [
  {
    name: "dead-letters list",
    summary: "the runs that failed for good, by first failure",
    options: {
      tenant,
      aggregate: { value: "ID", description: "only of this aggregate; with --tenant" },
      limit: { value: "N", description: "at most so many, up to 1000 (100)" },
      cursor: { value: "CURSOR", description: "go on after a page" },
      projection: projectionOption,
    },
    async run({ client, options }) {
      const list = await client.get<DeadLetterList>(pathOf("dead-letters", options), {
        tenantId: textOption(options, "tenant"),
        aggregateId: textOption(options, "aggregate"),
        limit: textOption(options, "limit"),
        cursor: textOption(options, "cursor"),
      });
      return { json: list, text: listText(list) };
    },
  },
  {
    name: "dead-letters show",
    summary: "everything known of one",
    parameters: { usage: "<id>", least: 1, most: 1 },
    options: { projection: projectionOption },
    async run({ client, parameters: [id = ""], options }) {
      const letter = await client.get<DeadLetterJson>(pathOf(`dead-letters/${pathPart(id)}`, options));
      return {
        json: letter,
        text: formatFields({
          id: letter.id,
          tenant: letter.tenantId,
          aggregate: letter.aggregateId,
          class: letter.errorClass,
          code: letter.code,
          attempts: letter.attempts,
          events: letter.eventCount ?? "unknown",
          "first failed": letter.firstFailedAt,
          "last failed": letter.lastFailedAt,
          reason: letter.reason,
        }),
      };
    },
  },
  {
    name: "dead-letters redrive",
    summary: "schedule them again, and remove them",
    parameters: ids,
    options: {
      ...selection,
      rate: {
        value: "N",
        description: "so many per second, fractions too (as fast as the queue takes them)",
      },
    },
    async run({ client, parameters, options, note }) {
      const body = selected("redrive", parameters, options);
      const path = pathOf("dead-letters/redrive", options);
      const rate = textOption(options, "rate");
      const redriven =
        rate === undefined
          ? (await client.post<{ readonly redriven: number }>(path, body)).redriven
          : await redriveAtRate(client, path, { ...body, ratePerSecond: rateOf(rate) }, note);
      return { json: { redriven }, text: `Scheduled ${redriven} again` };
    },
  },
  {
    name: "dead-letters discard",
    summary: "remove them",
    parameters: ids,
    options: selection,
    async run({ client, parameters, options }) {
      const result = await client.post<{ readonly discarded: number }>(
        pathOf("dead-letters/discard", options),
        selected("discard", parameters, options),
      );
      return { json: result, text: `Removed ${result.discarded}` };
    },
  },
];

function rateOf(text: string): number {
  const rate = Number(text);
  if (Number.isFinite(rate) && rate > 0) return rate;
  throw usageError(`--rate is ${JSON.stringify(text)}: expected letters per second, such as 20 or 0.5`);
}

const NOTE_INTERVAL_MS = 1_000;

/** Ending the program ends the redrive. */
async function redriveAtRate(
  client: OperationsClient,
  path: string,
  body: object,
  note: (text: string) => void,
): Promise<number> {
  let notedAt = performance.now();
  for await (const line of client.postForLines<RedriveLine>(path, body)) {
    if ("error" in line) {
      const soFar = line.redriven === 0 ? "" : ` (after ${line.redriven} were scheduled again)`;
      throw new CliError(exitCodes.failed, `${line.error.message}${soFar}`);
    }
    if (line.done) return line.redriven;
    if (performance.now() - notedAt < NOTE_INTERVAL_MS) continue;
    notedAt = performance.now();
    note(`${line.redriven} scheduled…`);
  }
  throw new CliError(
    exitCodes.unreachable,
    "The worker ended before the redrive did: the rest is still parked",
  );
}

function selected(verb: string, ids: readonly string[], options: OptionValues): object {
  const tenantId = textOption(options, "tenant");
  const all = options.all === true;
  if (all === (ids.length > 0 || tenantId !== undefined)) {
    throw usageError(`Say which to ${verb}: ids, --tenant TENANT or both, or --all`);
  }
  if (all) return { all };
  return { ...(ids.length === 0 ? {} : { ids }), ...(tenantId === undefined ? {} : { tenantId }) };
}

function listText({ deadLetters, nextCursor }: DeadLetterList): string {
  if (deadLetters.length === 0) return "No dead letters";
  const rows = deadLetters.map((letter) => ({
    id: letter.id,
    tenant: letter.tenantId,
    aggregate: letter.aggregateId,
    class: letter.errorClass,
    code: letter.code,
    attempts: String(letter.attempts),
    "last failed": letter.lastFailedAt,
    reason: letter.reason,
  }));
  const table = formatTable(rows, terminalWidth(), { whole: ["id", "last failed"] });
  return nextCursor === null ? table : `${table}\nMore: --cursor ${nextCursor}`;
}
