import type { DeadLetterJson } from "../../routes/deadLetterRoutes.js";
import { usageError } from "../cliError.js";
import { type Command, type CommandOption, type OptionValues, textOption } from "../command.js";
import { formatFields } from "../fields.js";
import { formatTable } from "../table.js";
import { terminalWidth } from "../terminalWidth.js";

const tenant: CommandOption = { value: "TENANT", description: "only this tenant's" };
const ids = { usage: "[<id>…]", least: 0, most: Number.POSITIVE_INFINITY };
const selection: Readonly<Record<string, CommandOption>> = {
  tenant: { value: "TENANT", description: "those of this tenant" },
  all: { description: "all of them" },
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
      limit: { value: "N", description: "at most so many, up to 1000 (100)" },
      cursor: { value: "CURSOR", description: "go on after a page" },
    },
    async run({ client, options }) {
      const list = await client.get<DeadLetterList>("dead-letters", {
        tenantId: textOption(options, "tenant"),
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
    async run({ client, parameters: [id = ""] }) {
      const letter = await client.get<DeadLetterJson>(`dead-letters/${encodeURIComponent(id)}`);
      return {
        json: letter,
        text: formatFields({
          id: letter.id,
          tenant: letter.tenantId,
          aggregate: letter.aggregateId,
          class: letter.errorClass,
          code: letter.code,
          attempts: letter.attempts,
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
    options: selection,
    async run({ client, parameters, options }) {
      const result = await client.post<{ readonly redriven: number }>(
        "dead-letters/redrive",
        selected("redrive", parameters, options),
      );
      return { json: result, text: `Scheduled ${result.redriven} again` };
    },
  },
  {
    name: "dead-letters discard",
    summary: "remove them",
    parameters: ids,
    options: selection,
    async run({ client, parameters, options }) {
      const result = await client.post<{ readonly discarded: number }>(
        "dead-letters/discard",
        selected("discard", parameters, options),
      );
      return { json: result, text: `Removed ${result.discarded}` };
    },
  },
];

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
