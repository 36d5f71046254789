import type { OperationsClient } from "./operationsClient.js";

export interface CommandOption {
  /** Without one it is a flag. Shown in the help: `N`, `TENANT`. */
  readonly value?: string;
  readonly description: string;
}

export type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

export interface CommandCall {
  readonly client: OperationsClient;
  readonly parameters: readonly string[];
  readonly options: OptionValues;
  /** Tells how far it got, beside the result. */
  note(text: string): void;
}

/** The same result for programs and for people. */
export interface CommandOutput {
  readonly json: unknown;
  readonly text: string;
}

/** One thing the command line does. */
export interface Command {
  /** As it is typed: `dead-letters list`. */
  readonly name: string;
  readonly summary: string;
  readonly parameters?: {
    /** As the usage line shows them: `<id>…`. */
    readonly usage: string;
    readonly least: number;
    readonly most: number;
  };
  readonly options?: Readonly<Record<string, CommandOption>>;
  /** @throws CliError */
  run(call: CommandCall): Promise<CommandOutput>;
}

/** An option that takes a value, as text. */
export function textOption(options: OptionValues, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}
