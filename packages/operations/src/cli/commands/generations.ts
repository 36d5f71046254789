import type { GenerationComparison } from "@es/processing";
import type { GenerationsJson } from "../../routes/generationRoutes.js";
import { usageError } from "../cliError.js";
import { type Command, type OptionValues, textOption } from "../command.js";
import { formatFields } from "../fields.js";
import { pathPart } from "../pathPart.js";
import { formatTable } from "../table.js";
import { terminalWidth } from "../terminalWidth.js";

const one = { usage: "<number>", least: 1, most: 1 };

export const generationCommands: readonly Command[] = [
  {
    name: "generations list",
    summary: "the handler versions side by side, and which one serves",
    async run({ client }) {
      return listed(await client.get<GenerationsJson>("generations"));
    },
  },
  {
    name: "generations begin",
    summary: "build one beside the serving one",
    parameters: one,
    async run({ client, parameters }) {
      return listed(await client.post<GenerationsJson>(path(parameters, "begin")));
    },
  },
  {
    name: "generations compare",
    summary: "what differs between one and the serving one",
    parameters: one,
    options: {
      from: { value: "N", description: "instead of the serving one" },
      size: { value: "N", description: "so many traces, chosen by the seed (1000)" },
      seed: { value: "N", description: "another one chooses others (1)" },
      all: { description: "all traces" },
      tenant: { value: "TENANT", description: "of --trace" },
      trace: { value: "TRACE", description: "only this trace of the tenant" },
      examples: { value: "N", description: "of each field (3)" },
    },
    async run({ client, parameters, options }) {
      const comparison = await client.post<GenerationComparison>(
        path(parameters, "compare"),
        compareBody(options),
      );
      return { json: comparison, text: comparisonText(comparison) };
    },
  },
  {
    name: "generations switch",
    summary: "let one serve; the one that did is kept up",
    parameters: one,
    options: { force: { description: "although it is behind the serving one" } },
    async run({ client, parameters, options }) {
      return listed(
        await client.post<GenerationsJson>(
          path(parameters, "switch"),
          options.force === true ? { force: true } : {},
        ),
      );
    },
  },
  {
    name: "generations rollback",
    summary: "let the one before serve again",
    async run({ client }) {
      return listed(await client.post<GenerationsJson>("generations/rollback"));
    },
  },
  {
    name: "generations retire",
    summary: "stop keeping one up, for good",
    parameters: one,
    async run({ client, parameters }) {
      return listed(await client.post<GenerationsJson>(path(parameters, "retire")));
    },
  },
  {
    name: "generations drop",
    summary: "remove what a retired one holds",
    parameters: one,
    async run({ client, parameters }) {
      const result = await client.post<{ readonly dropped: number }>(path(parameters, "drop"));
      return { json: result, text: `Removed what generation ${result.dropped} held` };
    },
  },
];

function path([number = ""]: readonly string[], verb: string): string {
  return `generations/${pathPart(number)}/${verb}`;
}

function listed(set: GenerationsJson) {
  const rows = set.generations.map(({ number, state, since, runnable }) => ({
    generation: String(number),
    state,
    since: since ?? "",
    "handler here": runnable ? "yes" : "no",
  }));
  const table = formatTable(rows, terminalWidth(), { whole: ["since"] });
  const next = set.runnable.filter((number) => !set.generations.some((known) => known.number === number));
  return {
    json: set,
    text: next.length === 0 ? table : `${table}\nTo begin: ${next.join(", ")}`,
  };
}

function compareBody(options: OptionValues): object {
  const trace = textOption(options, "trace");
  const tenant = textOption(options, "tenant");
  if ((trace === undefined) !== (tenant === undefined))
    throw usageError("Give --tenant and --trace together");
  return {
    ...numberOption(options, "from", "from"),
    ...numberOption(options, "size", "size"),
    ...numberOption(options, "seed", "seed"),
    ...numberOption(options, "examples", "maxExamples"),
    ...(options.all === true ? { all: true } : {}),
    ...(trace === undefined ? {} : { refs: [{ tenantId: tenant, aggregateId: trace }] }),
  };
}

function numberOption(options: OptionValues, name: string, member: string): object {
  const text = textOption(options, name);
  if (text === undefined) return {};
  if (!/^\d{1,15}$/.test(text)) throw usageError(`--${name} is ${JSON.stringify(text)}: expected a number`);
  return { [member]: Number(text) };
}

function comparisonText({ fields, otherFields, ...counts }: GenerationComparison): string {
  const summary = formatFields({
    compared: counts.compared,
    same: counts.same,
    different: counts.different,
    "of other events": counts.unequalEvents,
    "only before": counts.onlyFrom,
    "only after": counts.onlyTo,
    "in neither": counts.inNeither,
    undecodable: counts.undecodable,
    "differences in other fields": otherFields === 0 ? undefined : otherFields,
  });
  const rows = fields.flatMap(({ field, count, examples }) => {
    const shown = examples.length === 0 ? [undefined] : examples;
    return shown.map((example, index) => ({
      field: index === 0 ? field || "(all of it)" : "",
      traces: index === 0 ? String(count) : "",
      tenant: example?.tenantId ?? "",
      trace: example?.aggregateId ?? "",
      before: example?.from ?? "",
      after: example?.to ?? "",
    }));
  });
  return rows.length === 0 ? summary : `${summary}\n\n${formatTable(rows, terminalWidth())}`;
}
