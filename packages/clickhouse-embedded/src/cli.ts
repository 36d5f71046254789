import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type ClickHouseOptions, startClickHouse } from "./startClickHouse.js";
import { StartError } from "./startError.js";

const usage = `Usage: clickhouse-embedded --data-dir <directory> [options]

The ClickHouse engine behind ClickHouse's own HTTP interface.

  --data-dir <directory>    where the data is kept; created when missing
  --port <number>           default 8123; 0 takes a free one
  --host <address>          default 127.0.0.1; any but loopback needs a password
  --username <name>         default "default"
  --password-file <file>    a file that holds the password; else the environment variable CLICKHOUSE_PASSWORD
  --read-only-password-file <file>
                            a file that holds a second password, for other tools: with it a request can only read;
                            else the environment variable CLICKHOUSE_READONLY_PASSWORD
  --durability <mode>       process (default): inserts survive kill -9; fsync: also the loss of power
  --allowed-host <name>     a host name, besides localhost, requests may be addressed to; may be repeated
  --max-concurrent <number> statements that run at once
  --idle-timeout <seconds>  how long a statement waits for a client that takes or sends nothing; default 30
  --drain-timeout <seconds> how long a stop waits for running statements; default 10
  --help

Prints one line with the address when ready. SIGTERM and SIGINT finish what runs, then stop.
`;

function readOptions(args: readonly string[]): ClickHouseOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "data-dir": { type: "string" },
      port: { type: "string" },
      host: { type: "string" },
      username: { type: "string" },
      "password-file": { type: "string" },
      "read-only-password-file": { type: "string" },
      durability: { type: "string" },
      "allowed-host": { type: "string", multiple: true },
      "max-concurrent": { type: "string" },
      "idle-timeout": { type: "string" },
      "drain-timeout": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help";
  const password = secret(values["password-file"], "CLICKHOUSE_PASSWORD");
  const readOnlyPassword = secret(values["read-only-password-file"], "CLICKHOUSE_READONLY_PASSWORD");
  const { durability } = values;
  if (durability !== undefined && durability !== "process" && durability !== "fsync") {
    throw new Error(`--durability ${durability} is not known: use process or fsync`);
  }
  if (values["data-dir"] === undefined) throw new Error("--data-dir is missing; see --help");
  return {
    dataDir: values["data-dir"],
    port: numberOf("--port", values.port) ?? 8123,
    ...defined("host", values.host),
    ...defined("username", values.username),
    ...defined("password", password),
    ...defined("readOnlyPassword", readOnlyPassword),
    ...(durability === undefined ? {} : { durability }),
    ...defined("allowedHosts", values["allowed-host"]),
    ...defined("maxConcurrentQueries", numberOf("--max-concurrent", values["max-concurrent"])),
    idleTimeoutMs: (numberOf("--idle-timeout", values["idle-timeout"]) ?? 30) * 1000,
    drainTimeoutMs: (numberOf("--drain-timeout", values["drain-timeout"]) ?? 10) * 1000,
  };
}

function secret(file: string | undefined, variable: string): string | undefined {
  return file === undefined ? process.env[variable] : readFileSync(file, "utf8").replace(/\r?\n$/, "");
}

function defined<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [key in K]?: V });
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0)
    throw new Error(`${option} ${text} is not a number`);
  return value;
}

/**
 * The command. Sets the exit code: 0 after a stop by signal, 1 when it could not start.
 * @param args the command line behind the program's name
 */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const options = readOptions(args);
    if (options === "help") {
      process.stdout.write(usage);
      return;
    }
    const clickhouse = await startClickHouse(options);
    const stop = () => {
      clickhouse.close().then(
        // The engine's own threads must not keep a stopped process alive.
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
    };
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
    process.stdout.write(`ClickHouse is ready at ${clickhouse.url}\n`);
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof StartError ? ` (${error.code})` : "";
  process.stderr.write(`clickhouse-embedded: ${message.replaceAll("\n", " ")}${code}\n`);
  process.exit(1);
}
