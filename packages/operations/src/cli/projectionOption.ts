import { type CommandOption, type OptionValues, textOption } from "./command.js";
import { pathPart } from "./pathPart.js";

/** Which kind of projection a command is about. */
export const projectionOption: CommandOption = {
  value: "NAME",
  description: "of another kind of projection than traces: sessions",
};

/** Where the API has it, for that kind. */
export function pathOf(path: string, options: OptionValues): string {
  const name = textOption(options, "projection");
  return name === undefined ? path : `projections/${pathPart(name)}/${path}`;
}
