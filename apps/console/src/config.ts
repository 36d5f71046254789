import {
  accessVariables,
  clickhouseVariables,
  type Environment,
  heapShare,
  readEnvironment,
  variable,
} from "@es/host";
import { traceProjectionVariables } from "@es/trace-wiring";
import { z } from "zod";

/** What the console itself needs, whatever engine it is wired to. */
export const consoleVariables = {
  CONSOLE_HOST: variable.text("127.0.0.1"),
  CONSOLE_PORT: variable.port(4320),
  /** Connections at once. A quarter of the files that the process may open without it, at most 8 192. */
  CONSOLE_MAX_CONNECTIONS: variable.optionalCount(),
  /** How many reads run at once; half of them at most for one tenant. More wait in line. */
  CONSOLE_MAX_READS: variable.count(4),
  /** What all reads at once may take of memory, half of it at most for one tenant. */
  CONSOLE_MAX_READ_BYTES: variable.bytes(heapShare(4)),
  ...accessVariables,
  ...traceProjectionVariables,
};

const consoleApp = z.object({ ...consoleVariables, ...clickhouseVariables });
const consoleOnly = z.object(consoleVariables);

export type ConsoleConfig = z.output<typeof consoleOnly>;
export type ConsoleAppConfig = z.output<typeof consoleApp>;

export function readConsoleAppConfig(environment: Environment): ConsoleAppConfig {
  return readEnvironment(consoleApp, environment);
}
