import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { ClickHouseError } from "./clickHouseError.js";
import { DataFolder, ownPrefix, prepareDataFolder, type StoredTable } from "./dataFolder.js";
import { releaseAllPipes } from "./pipePool.js";
import { StartError } from "./startError.js";

/** An open native connection; only the addon looks inside. */
type NativeConnection = object;

/**
 * The part of chdb's native addon we drive. Its JavaScript `Session` is not used: it whitelists insert formats, serialises
 * every parameterised query of the process, and delays closing one session until all other sessions are idle.
 */
interface NativeAddon {
  CreateConnection(path: string, args?: readonly string[]): NativeConnection | null;
  CloseConnection(connection: NativeConnection): void;
  QueryWithConnection(connection: NativeConnection, sql: string, format: string): string;
  QueryAsyncConnection(connection: NativeConnection, sql: string, format: string): Promise<NativeResult>;
  InsertRawAsyncConnection(
    connection: NativeConnection,
    sql: string,
    data: Buffer,
    countLines: boolean,
  ): Promise<NativeInsertResult>;
}

interface NativeResult {
  readonly bytes: Uint8Array;
  readonly elapsed: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

interface NativeInsertResult {
  readonly elapsed: number;
  readonly rowsWritten: number;
  readonly bytesWritten: number;
}

/** What a statement did, as far as the engine says. `elapsed` is in seconds. */
export interface ExecutionResult {
  readonly bytes: Uint8Array;
  readonly elapsed: number;
  readonly resultRows: number;
  readonly resultBytes: number;
  readonly writtenRows: number;
  readonly writtenBytes: number;
}

function loadAddon(): NativeAddon {
  // The loader is chdb's own, reached by path because its exports map hides it: it picks the platform's binary and says
  // what to do when there is none.
  const fromHere = createRequire(import.meta.url);
  const fromChdb = createRequire(fromHere.resolve("chdb/package.json"));
  try {
    return fromChdb("./dist/loader.js").loadNative() as NativeAddon;
  } catch (cause) {
    throw new StartError("ENGINE_UNAVAILABLE", `the ClickHouse engine cannot be loaded: ${String(cause)}`, {
      cause,
    });
  }
}

/** The one engine this process may have: the native library binds one data directory per process. */
let openDirectory: string | undefined;

/** The engine that is open, if one is. */
let openEngine: Engine | undefined;

/** Open connections of this process. Leaving the process with an open one crashes it, so exit closes them. */
const openConnections = new Set<EngineConnection>();
let exitHookInstalled = false;

/**
 * Where this engine's defaults differ from ClickHouse's; requests may set them as any other. Formatting a result on several threads costs a
 * small query a quarter of its time, and makes no large one faster that leaves through one pipe. Reads go by plain `pread`: where a file
 * system cannot say whether it would have to wait, as tmpfs, the engine's own way hands each read to another thread, which doubled the cost
 * of reading two hundred traces.
 */
const defaultSettings = ["--output_format_parallel_formatting=0", "--local_filesystem_read_method=pread"];

/** Of 10 ms each: stopped merges end within a block, but a disk may hang. */
const MERGE_WAITS = 500;

/**
 * What runs is stopped when the process exits, by a call or by an uncaught error: Node would wait for it, for ever if it
 * waits for a client.
 */
function leaveProcess(): void {
  if (openEngine === undefined) return;
  const { control } = openEngine;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  // A statement stays in the list until its result is taken, which needs the event loop.
  const others = "query_id != queryID() AND is_cancelled = 0";
  try {
    while (control.runSync(`SELECT 1 FROM system.processes WHERE ${others}`) !== "") {
      control.runSync(`KILL QUERY WHERE ${others} ASYNC FORMAT Null`);
      Atomics.wait(pause, 0, 0, 10);
    }
    releaseAllPipes();
    // A merge that still runs while the engine's own exit handlers tear it down crashes the process.
    control.runSync("SYSTEM STOP MERGES");
    for (
      let waits = 0;
      waits < MERGE_WAITS && control.runSync("SELECT 1 FROM system.merges LIMIT 1") !== "";
      waits += 1
    ) {
      Atomics.wait(pause, 0, 0, 10);
    }
  } catch {
    // Leaving is all that is left to do.
  }
  for (const connection of openConnections) connection.closeIfIdle();
}

/** The engine on one data directory. Everything it runs goes through an {@link EngineConnection}. */
export class Engine {
  readonly #addon: NativeAddon;
  readonly #args: readonly string[];
  readonly dataDir: string;
  /** Keeps the data directory open while request connections come and go, and runs control statements. */
  readonly control: EngineConnection;
  readonly #folder: DataFolder;

  private constructor(addon: NativeAddon, dataDir: string, args: readonly string[]) {
    this.#addon = addon;
    this.#args = args;
    this.dataDir = dataDir;
    this.control = this.connect();
    this.#folder = new DataFolder(dataDir);
  }

  /**
   * Opens the data directory, creating it when it is missing.
   * @param config the text of a ClickHouse server configuration; kept in the data directory
   * @throws {StartError} `DATA_DIR_LOCKED`, `DATA_DIR_NOT_WRITABLE`, `DATA_DIR_IN_USE`, `ENGINE_UNAVAILABLE`
   */
  static open(dataDir: string, config?: string): Engine {
    if (openDirectory !== undefined) {
      throw new StartError(
        "DATA_DIR_IN_USE",
        `this process already runs an engine on ${openDirectory}; one process has one engine: close it first or start another process`,
      );
    }
    prepareDataFolder(dataDir);
    const holder = lockHolder(dataDir);
    if (holder !== undefined) throw lockedError(dataDir, holder);
    const addon = loadAddon();
    const args = [
      ...defaultSettings,
      ...(config === undefined ? [] : [`--config-file=${writeConfig(dataDir, config)}`]),
    ];
    if (!exitHookInstalled) {
      exitHookInstalled = true;
      process.on("exit", leaveProcess);
    }
    openDirectory = dataDir;
    try {
      openEngine = new Engine(addon, dataDir, args);
      return openEngine;
    } catch (cause) {
      openDirectory = undefined;
      const lateHolder = lockHolder(dataDir) ?? statusPid(dataDir);
      if (lateHolder !== undefined) throw lockedError(dataDir, lateHolder);
      throw new StartError("ENGINE_UNAVAILABLE", `the engine cannot open ${dataDir}: ${messageOf(cause)}`, {
        cause,
      });
    }
  }

  /** A connection with its own settings, current database, parameters and temporary tables. About 1 ms. */
  connect(): EngineConnection {
    const native = this.#addon.CreateConnection(this.dataDir, this.#args);
    if (native === null) throw new Error(`no connection to ${this.dataDir}`);
    return new EngineConnection(this.#addon, native);
  }

  /** @throws {ClickHouseError} 76 when what the engine stores would be lost, because its directory was removed, moved or replaced */
  assertDataInPlace(): void {
    this.#folder.assertInPlace();
  }

  /** @throws {ClickHouseError} 76 or 243 when the engine cannot store, with the reason */
  async check(): Promise<void> {
    await this.#folder.check(() => this.#tables());
  }

  #tables(): readonly StoredTable[] {
    const { data } = JSON.parse(
      this.control.runSync(
        "SELECT concat(database, '.', name), data_paths FROM system.tables WHERE engine LIKE '%MergeTree'",
        "JSONCompact",
      ),
    ) as { readonly data: readonly (readonly [string, readonly string[]])[] };
    return data.map(([name, dataPaths]) => ({ name, dataPaths }));
  }

  /** Releases the data directory. Every other connection must be closed and idle by then. */
  close(): void {
    this.control.close();
    openEngine = undefined;
    openDirectory = undefined;
  }
}

export class EngineConnection {
  readonly #addon: NativeAddon;
  #native: NativeConnection | undefined;
  #running = 0;
  #closing = false;
  /** The last statement failed: what it had written comes before the next result, unless that is thrown away. */
  #mayHoldOutput = false;

  constructor(addon: NativeAddon, native: NativeConnection) {
    this.#addon = addon;
    this.#native = native;
    openConnections.add(this);
  }

  /** Runs a short statement on the calling thread. For SET, USE, KILL and reads of system tables only. */
  runSync(sql: string, format = "TabSeparated"): string {
    return this.#query(this.#handle(), sql, format);
  }

  /** Runs one statement on the thread pool. `format` holds where the statement has no FORMAT clause. */
  async run(sql: string, format: string): Promise<ExecutionResult> {
    const result = await this.#track(this.#addon.QueryAsyncConnection(this.#handle(), sql, format));
    return {
      bytes: result.bytes,
      elapsed: result.elapsed,
      resultRows: result.rowsRead,
      resultBytes: result.bytesRead,
      writtenRows: 0,
      writtenBytes: 0,
    };
  }

  /** Runs an INSERT with its data, any format. `data` must not change until the promise settles. */
  async insert(sql: string, data: Buffer): Promise<ExecutionResult> {
    const result = await this.#track(this.#addon.InsertRawAsyncConnection(this.#handle(), sql, data, false));
    return {
      bytes: new Uint8Array(0),
      elapsed: result.elapsed,
      resultRows: 0,
      resultBytes: 0,
      writtenRows: result.rowsWritten,
      writtenBytes: result.bytesWritten,
    };
  }

  /** Closes now, or when the running statement ends: closing under a running one kills the engine. Idempotent. */
  close(): void {
    this.#closing = true;
    if (this.#running > 0 || this.#native === undefined) return;
    const native = this.#native;
    this.#native = undefined;
    openConnections.delete(this);
    this.#addon.CloseConnection(native);
  }

  closeIfIdle(): void {
    if (this.#running === 0) this.close();
  }

  /** The connection, with nothing left of an earlier statement. */
  #handle(): NativeConnection {
    if (this.#native === undefined || this.#closing) {
      throw new ClickHouseError(236, "ABORTED", "The connection to the engine is closed.");
    }
    if (this.#mayHoldOutput) {
      try {
        this.#query(this.#native, "SELECT 1", "Null");
        this.#mayHoldOutput = false;
      } catch (error) {
        // Settings of a session may forbid even this statement; otherwise the engine still cannot do what it could not before.
        if (error instanceof ClickHouseError && [76, 241].includes(error.code)) throw error;
      }
    }
    return this.#native;
  }

  #query(native: NativeConnection, sql: string, format: string): string {
    try {
      return this.#addon.QueryWithConnection(native, sql, format);
    } catch (cause) {
      this.#mayHoldOutput = true;
      throw ClickHouseError.fromEngine(cause);
    }
  }

  async #track<T>(operation: Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await operation;
    } catch (cause) {
      this.#mayHoldOutput = true;
      throw ClickHouseError.fromEngine(cause);
    } finally {
      this.#running -= 1;
      if (this.#closing) this.close();
    }
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** The engine takes settings of tables from a file alone. */
function writeConfig(dataDir: string, config: string): string {
  const path = join(dataDir, `${ownPrefix}xml`);
  writeFileSync(path, config, { mode: 0o600 });
  return path;
}

function lockedError(dataDir: string, pid: number): StartError {
  return new StartError(
    "DATA_DIR_LOCKED",
    `the data directory ${dataDir} is locked by process ${pid}; stop that process or choose another directory`,
  );
}

/**
 * The process that holds the engine's lock on the directory, where the system tells (Linux). Asked before opening because
 * the engine prints its own several-line complaint when it finds the lock taken.
 */
function lockHolder(dataDir: string): number | undefined {
  try {
    const inode = String(statSync(join(dataDir, "status")).ino);
    for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
      const fields = line.trim().split(/\s+/);
      const pid = Number(fields[4]);
      if (fields[5]?.split(":")[2] === inode && pid !== process.pid) return pid;
    }
  } catch {
    // No status file yet, or no /proc.
  }
  return undefined;
}

/** The live process named in the status file, if it is not this one. */
function statusPid(dataDir: string): number | undefined {
  try {
    const pid = Number(/^PID: (\d+)/m.exec(readFileSync(join(dataDir, "status"), "utf8"))?.[1]);
    if (!Number.isInteger(pid) || pid === process.pid) return undefined;
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}
