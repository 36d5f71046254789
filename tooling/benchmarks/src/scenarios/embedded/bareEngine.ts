// The engine's addon, called in this process and by nothing in between.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answerCalls } from "../../harness/program.js";
import { type EngineAccess, type EngineWork, TABLE_SQL, workOn } from "./engineWork.js";

/** Of chdb's native addon. */
interface NativeAddon {
  CreateConnection(path: string, args: readonly string[]): object | null;
  CloseConnection(connection: object): void;
  QueryAsyncConnection(
    connection: object,
    sql: string,
    format: string,
  ): Promise<{ readonly bytes: Uint8Array }>;
  InsertRawAsyncConnection(
    connection: object,
    sql: string,
    rows: Buffer,
    countLines: boolean,
  ): Promise<unknown>;
}

const fromHere = createRequire(import.meta.url);
const addon = createRequire(fromHere.resolve("chdb/package.json"))(
  "./dist/loader.js",
).loadNative() as NativeAddon;
const folder = mkdtempSync(join(tmpdir(), "es-bare-engine-"));
/** One for each caller: a connection does one thing at a time. */
const connections: object[] = [];

answerCalls({ open, work }, async () => {
  for (const connection of connections) addon.CloseConnection(connection);
  rmSync(folder, { recursive: true, force: true });
});

const engine: EngineAccess = {
  async query(sql, caller) {
    const { bytes } = await addon.QueryAsyncConnection(connectionOf(caller), sql, "RowBinary");
    return bytes.byteLength;
  },
  async insert(sql, rows, caller) {
    await addon.InsertRawAsyncConnection(connectionOf(caller), sql, rows, false);
  },
};

async function open(callers: number): Promise<void> {
  for (let caller = 0; caller < callers; caller++) await engine.query(TABLE_SQL, caller);
}

function work(asked: EngineWork) {
  return workOn(engine, asked);
}

function connectionOf(caller: number): object {
  let connection = connections[caller];
  if (connection === undefined) {
    const opened = addon.CreateConnection(folder, []);
    if (opened === null) throw new Error("The engine cannot be opened.");
    connection = opened;
    connections[caller] = connection;
  }
  return connection;
}
