import { parseArgs } from "node:util";
import { CliError, exitCodes, usageError } from "./cliError.js";
import type { Command, OptionValues } from "./command.js";
import { commands } from "./commands.js";
import { commandHelp, groupHelp, helpText } from "./help.js";
import { OperationsClient } from "./operationsClient.js";

type Environment = Readonly<Record<string, string | undefined>>;

export interface CliOutput {
  out(text: string): void;
  err(text: string): void;
}

const standardOutput: CliOutput = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
};

/** The command line. @param args without node and the script @returns the exit code, see `exitCodes` */
export async function main(
  args: readonly string[],
  environment: Environment,
  output: CliOutput = standardOutput,
): Promise<number> {
  try {
    return await run(args, environment, output);
  } catch (error) {
    output.err(error instanceof CliError ? error.message : String(error));
    return error instanceof CliError ? error.exitCode : exitCodes.failed;
  }
}

async function run(args: readonly string[], environment: Environment, output: CliOutput): Promise<number> {
  const command = findCommand(args);
  if (command === undefined) {
    const words = args.filter((arg) => !arg.startsWith("-")).join(" ");
    const wantsHelp = args.some((arg) => arg === "--help" || arg === "-h");
    const text = words === "" ? helpText() : groupHelp(words);
    if (text === undefined) throw usageError(`There is no command \`${words}\`; \`es --help\` lists them`);
    if (wantsHelp || words === "") output.out(text);
    else output.err(text);
    return wantsHelp ? exitCodes.ok : exitCodes.usage;
  }
  const { values, positionals } = parse(command, args.slice(command.name.split(" ").length));
  if (values.help === true) {
    output.out(commandHelp(command));
    return exitCodes.ok;
  }
  const { least, most } = command.parameters ?? { least: 0, most: 0 };
  if (positionals.length < least || positionals.length > most) {
    throw usageError(`Usage: ${commandHelp(command).split("\n", 1)[0]}`);
  }
  const client = new OperationsClient({
    url: environment.OPERATIONS_URL,
    token: environment.OPERATIONS_TOKEN,
  });
  const { json, text } = await command.run({
    client,
    parameters: positionals,
    options: values,
    note: (text) => output.err(text),
  });
  output.out(values.json === true ? JSON.stringify(json, null, 2) : text);
  return exitCodes.ok;
}

function findCommand(args: readonly string[]): Command | undefined {
  return commands.find(({ name }) => name.split(" ").every((word, index) => args[index] === word));
}

function parse(command: Command, args: readonly string[]): { values: OptionValues; positionals: string[] } {
  const own = Object.entries(command.options ?? {}).map(
    ([name, { value }]) => [name, { type: value === undefined ? "boolean" : "string" }] as const,
  );
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        ...Object.fromEntries(own),
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
      allowPositionals: true,
    });
    return { values: values as OptionValues, positionals };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw usageError(`${reason} (\`es ${command.name} --help\` lists the options)`);
  }
}
