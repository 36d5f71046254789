import type { Command } from "./command.js";
import { commands } from "./commands.js";

const common: readonly (readonly [string, string])[] = [
  ["--json", "the answer as JSON"],
  ["--help", "this text"],
];

export function helpText(): string {
  return [
    "es <command> [options]",
    "",
    columns(commands.map(({ name, summary }) => [name, summary])),
    "",
    columns(common),
    "",
    "`es <command> --help` has the options of one. OPERATIONS_URL (http://127.0.0.1:4319) says where a worker or",
    "standalone listens, OPERATIONS_TOKEN what it asks for.",
  ].join("\n");
}

export function commandHelp({ name, summary, parameters, options = {} }: Command): string {
  const own = Object.entries(options).map(
    ([option, { value, description }]) =>
      [`--${option}${value === undefined ? "" : ` ${value}`}`, description] as const,
  );
  return [
    ["es", name, parameters?.usage, "[options]"].filter(Boolean).join(" "),
    "",
    `  ${summary}`,
    "",
    columns([...own, ...common]),
  ].join("\n");
}

/** The commands that begin with these words. */
export function groupHelp(words: string): string | undefined {
  const group = commands.filter(({ name }) => name.startsWith(`${words} `));
  if (group.length === 0) return undefined;
  return [`es ${words} <command>`, "", columns(group.map(({ name, summary }) => [name, summary]))].join("\n");
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
