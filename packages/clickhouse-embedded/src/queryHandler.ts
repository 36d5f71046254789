import { randomBytes, randomUUID } from "node:crypto";
import { truncate, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { ClickHouseError } from "./clickHouseError.js";
import { decompressor, responseEncoding } from "./compression.js";
import type { Engine, EngineConnection, ExecutionResult } from "./engine.js";
import { withinIdleTime } from "./idleTime.js";
import { multipartBoundary, parseMultipart } from "./multipart.js";
import { fileError, type PipePool, PipeReader, PipeWriter } from "./pipePool.js";
import type { ReadOnlyAccount } from "./readOnlyAccount.js";
import { type BodyStart, readBodyStart, readWhole } from "./requestBody.js";
import { type RequestParameters, readParameters } from "./requestParameters.js";
import { applyRequest, quoteIdentifier, quoteString, shapeOf, tagSetting } from "./requestSettings.js";
import type { Lease, Sessions } from "./sessions.js";
import type { Slots } from "./slots.js";
import { inspectStatement, isReadOnlyKind, refuseStatementAfterValues, type Statement } from "./statement.js";

/** Bodies up to this size are read whole; larger inserts stream through a pipe. */
const wholeBodyBytes = 8 * 1024 * 1024;
/**
 * Data below this size goes to the engine behind its statement. The engine looks through all of that for comments, token by token:
 * for a few thousand rows this takes it up to a third of the insert, much longer than to read a file.
 */
const inlineDataBytes = 512 * 1024;
/** An answer up to this size is complete before its headers are sent, so that its errors get their status. As ClickHouse's `buffer_size`. */
const bufferedAnswerBytes = 1024 * 1024;
/** As much of it is kept with `wait_end_of_query=1`. */
const longestBufferedAnswerBytes = 256 * 1024 * 1024;
/** Where the engine takes the data behind a statement to end, whatever the format: it would drop the rest without a word. */
const endOfInlineData = "\n\n";
/** Enough to hold the head of any INSERT; its data is not looked at. */
const statementHeadBytes = 1024 * 1024;

/** What the handler works with, and the facts about the engine its answers repeat. */
export interface QueryHandlerContext {
  readonly engine: Engine;
  readonly sessions: Sessions;
  readonly pipes: PipePool;
  readonly slots: Slots;
  /** Of the read-only account, within `slots`. */
  readonly readOnlySlots: Slots;
  readonly readOnlyAccount: ReadOnlyAccount;
  readonly version: string;
  readonly timezone: string;
  readonly displayName: string;
  readonly contentTypes: ReadonlyMap<string, string>;
  readonly maxBodyBytes: number;
  /** How long a client may take nothing of its answer, or send nothing of its data, while a statement waits for it. */
  readonly idleTimeoutMs: number;
}

/** A statement with everything known about it before it runs. */
interface Prepared {
  readonly statement: Statement;
  /** The statement's bytes; of an INSERT also the data read so far. */
  readonly text: Buffer;
  /** The rest of an INSERT's data. */
  readonly rest: BodyStart["rest"];
  readonly defaultFormat: string;
}

/** Runs one HTTP request's statement and answers it as ClickHouse does. */
export class QueryHandler {
  readonly #context: QueryHandlerContext;
  /** Ids of running queries, as clients name them, with the tag that finds them in `system.processes`. */
  readonly #running = new Map<string, string>();

  constructor(context: QueryHandlerContext) {
    this.#context = context;
  }

  /**
   * Runs the statement and answers. What the client needs for its next request, its session and the query id, is free again before it
   * can see the end of the answer.
   */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    url: URLSearchParams,
    isReadOnlyAccount: boolean,
  ): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort(new Error("the client closed the connection")));
    const queryId = url.get("query_id") || randomUUID();
    response.setHeader("X-ClickHouse-Query-Id", queryId);
    response.setHeader("X-ClickHouse-Timezone", url.get("session_timezone") || this.#context.timezone);
    const tag = randomBytes(16).toString("hex");
    if (this.#running.has(queryId)) {
      throw new ClickHouseError(
        216,
        "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
        `Query with id = ${queryId} is already running.`,
      );
    }
    this.#running.set(queryId, tag);
    let end: () => void;
    try {
      end = await this.#handle(request, response, url, tag, gone.signal, isReadOnlyAccount);
    } finally {
      this.#running.delete(queryId);
    }
    end();
    await finished(response, gone.signal);
  }

  async #handle(
    request: IncomingMessage,
    response: ServerResponse,
    url: URLSearchParams,
    tag: string,
    gone: AbortSignal,
    isReadOnlyAccount: boolean,
  ): Promise<() => void> {
    const { sessions, slots, readOnlySlots, readOnlyAccount, maxBodyBytes, idleTimeoutMs } = this.#context;
    const inflate = decompressor(request.headers["content-encoding"]);
    const source: Readable = inflate === undefined ? request : joinStreams(request, inflate);
    const boundary = multipartBoundary(request.headers["content-type"]);
    let body = await readBodyStart(source, wholeBodyBytes, idleTimeoutMs);
    let form: ReturnType<typeof parseMultipart> | undefined;
    if (boundary !== undefined) {
      form = parseMultipart(await readWhole(body, maxBodyBytes), boundary);
      body = { start: Buffer.alloc(0), rest: undefined };
    }
    const externalTables = readExternalTables(url, form?.files ?? new Map());
    let parameters = readParameters(url, form?.fields ?? new Map());
    const prepared = await prepare(parameters, request, body, maxBodyBytes);
    const readOnly = request.method === "GET" || request.method === "HEAD";
    if (isReadOnlyAccount) {
      parameters = { ...parameters, settings: readOnlyAccount.settings(parameters) };
      readOnlyAccount.assertReads(
        prepared.text.toString("latin1", 0, prepared.statement.end),
        sessions.generation,
      );
      if (externalTables.length > 0) {
        throw new ClickHouseError(164, "READONLY", "The read-only account has no external tables.");
      }
    }

    const shape = externalTables.length > 0 ? undefined : shapeOf(parameters, prepared.statement, readOnly);
    const releaseReader = isReadOnlyAccount ? await readOnlySlots.take(gone, "other") : () => {};
    let lease: Lease;
    try {
      lease = isReadOnlyAccount ? sessions.leaseForReading() : sessions.lease(parameters.session, shape);
    } catch (error) {
      releaseReader();
      throw error;
    }
    let done = false;
    try {
      if (lease.isSession && readOnly && !isReadOnlyKind(prepared.statement)) {
        // The setting that forbids writing cannot be taken back, which a session would have to do.
        throw new ClickHouseError(164, "READONLY", "default: Cannot execute query in readonly mode.");
      }
      const release = await slots.take(gone, prepared.statement.kind === "INSERT" ? "insert" : "other");
      try {
        let restore: () => void = () => {};
        const apply = () => applyRequest(lease, parameters, prepared.statement, prepared.text, readOnly, tag);
        try {
          restore = apply();
        } catch (error) {
          if (!lease.isReused) throw error;
          // What is in force there may forbid setting anything, as a small max_query_size does.
          const fresh = sessions.lease(undefined, undefined);
          lease.release(false);
          lease = fresh;
          restore = apply();
        }
        try {
          for (const table of externalTables) await createExternalTable(lease.connection, table);
          const end = await this.#execute(lease, prepared, parameters, request, response, tag, gone);
          done = true;
          return end;
        } finally {
          if (lease.isSession) dropExternalTables(lease.connection, externalTables);
          restore();
        }
      } finally {
        release();
      }
    } finally {
      releaseReader();
      lease.release(done);
    }
  }

  /** @returns what ends the answer */
  async #execute(
    lease: Lease,
    prepared: Prepared,
    parameters: RequestParameters,
    request: IncomingMessage,
    response: ServerResponse,
    tag: string,
    gone: AbortSignal,
  ): Promise<() => void> {
    const { statement, text } = prepared;
    const format = statement.format?.name ?? prepared.defaultFormat;
    const encoding = parameters.compressResponse
      ? responseEncoding(request.headers["accept-encoding"])
      : undefined;
    const started = performance.now();
    const answer = (result: ExecutionResult | undefined): Duplex | undefined => {
      response.statusCode = 200;
      response.setHeader(
        "Content-Type",
        this.#context.contentTypes.get(format) ?? "text/plain; charset=UTF-8",
      );
      response.setHeader("X-ClickHouse-Format", format);
      response.setHeader("X-ClickHouse-Summary", summary(result, performance.now() - started));
      if (encoding === undefined) return undefined;
      response.setHeader("Content-Encoding", encoding.name);
      return encoding.create();
    };
    if (statement.isSelect) {
      return this.#context.pipes.lend((pipe) =>
        this.#select(lease.connection, prepared, pipe, parameters, response, tag, gone, answer),
      );
    }
    const writes = !isReadOnlyKind(statement);
    if (writes) this.#context.engine.assertDataInPlace();
    const result =
      statement.kind === "INSERT"
        ? await this.#insert(lease.connection, prepared, tag, gone)
        : await this.#cancelling(tag, gone, !writes, () =>
            lease.connection.run(this.#withEngineIds(statement, sqlText(text, 0, statement.end)), format),
          );
    // Its rows may be in a directory that nobody will open again.
    if (writes) this.#context.engine.assertDataInPlace();
    const compressor = answer(result);
    compressor?.pipe(response);
    return () => (compressor ?? response).end(result.bytes);
  }

  /** The engine writes into a pipe, so any format streams, and waits while the client is slow. */
  async #select(
    connection: EngineConnection,
    { statement, text, defaultFormat }: Prepared,
    pipe: string,
    parameters: RequestParameters,
    response: ServerResponse,
    tag: string,
    gone: AbortSignal,
    answer: (result: ExecutionResult | undefined) => Duplex | undefined,
  ): Promise<() => void> {
    const { idleTimeoutMs } = this.#context;
    const outfileAt = statement.format?.at ?? statement.end;
    const sql = `${sqlText(text, 0, outfileAt)} INTO OUTFILE ${quoteString(pipe)} APPEND ${sqlText(text, outfileAt, statement.end)}`;
    const reader = new PipeReader(pipe);
    const stop = new AbortController();
    const stopped = AbortSignal.any([gone, stop.signal]);
    stopped.addEventListener("abort", () => reader.destroy(), { once: true });
    const failure: { error?: unknown } = {};
    const outcome = this.#cancelling(tag, stopped, true, () => connection.run(sql, defaultFormat)).then(
      (result) => {
        reader.finish();
        return result;
      },
      (error: unknown) => {
        failure.error = error;
        reader.finish();
        return undefined;
      },
    );
    try {
      const limit = parameters.waitEndOfQuery ? longestBufferedAnswerBytes : bufferedAnswerBytes;
      const chunks = (reader.stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
      const first: Buffer[] = [];
      let size = 0;
      let ended = false;
      while (size <= limit) {
        const next = await chunks.next();
        if (next.done === true) {
          ended = true;
          break;
        }
        first.push(next.value);
        size += next.value.length;
      }
      const result = ended ? await outcome : undefined;
      gone.throwIfAborted();
      if (failure.error !== undefined) throw failure.error;

      const exceptionTag = randomBytes(8).toString("hex");
      if (!ended) response.setHeader("X-ClickHouse-Exception-Tag", exceptionTag);
      const compressor = answer(result);
      const target = compressor ?? response;
      compressor?.pipe(response);
      if (ended) return () => target.end(Buffer.concat(first, size));
      for (const chunk of first) await write(target, chunk, gone, idleTimeoutMs);
      while (!ended) {
        const next = await chunks.next();
        if (next.done === true) ended = true;
        else await write(target, next.value, gone, idleTimeoutMs);
      }
      await outcome;
      gone.throwIfAborted();
      if (failure.error === undefined) return () => target.end();
      return await this.#breakOff(response, compressor, failure.error, exceptionTag, gone);
    } catch (error) {
      // Nobody will take what the engine still has to say, for instance because the client takes nothing.
      stop.abort(error);
      throw error;
    } finally {
      reader.destroy();
      await outcome;
    }
  }

  /**
   * An error behind the first part of an answer: its text in the form clients look for, then a connection closed without the
   * end of the body, so that nobody takes the answer for complete.
   */
  async #breakOff(
    response: ServerResponse,
    compressor: Duplex | undefined,
    error: unknown,
    exceptionTag: string,
    gone: AbortSignal,
  ): Promise<() => void> {
    const message = Buffer.from(ClickHouseError.fromEngine(error).toText(this.#context.version));
    const block = Buffer.concat([
      Buffer.from(`\r\n__exception__\r\n${exceptionTag}\r\n`),
      message,
      Buffer.from(`${message.length} ${exceptionTag}\r\n__exception__\r\n`),
    ]);
    const { idleTimeoutMs } = this.#context;
    let last = block;
    if (compressor !== undefined) {
      compressor.unpipe(response);
      const tail: Buffer[] = [];
      compressor.on("data", (chunk: Buffer) => tail.push(chunk));
      await new Promise<void>((resolve) => compressor.end(block, () => compressor.once("end", resolve)));
      last = Buffer.concat(tail);
    }
    await writeOut(response, last, gone, idleTimeoutMs);
    return () => response.socket?.end();
  }

  async #insert(
    connection: EngineConnection,
    prepared: Prepared,
    tag: string,
    gone: AbortSignal,
  ): Promise<ExecutionResult> {
    const { statement, text, rest } = prepared;
    const data = statement.insertData;
    if (data === undefined) {
      // Through the insert call also without data: only it tells how many rows were written.
      return connection.insert(sqlText(text, 0, statement.end), Buffer.from("\n"));
    }
    if (!data.direct) {
      // The engine runs these without their data and reports success.
      throw new ClickHouseError(
        48,
        "NOT_IMPLEMENTED",
        "INSERT … SELECT … FROM input(…) is not supported by this server: insert into a temporary table of a session first.",
      );
    }
    const head = sqlText(text, 0, data.sourceAt);
    const clause = `${sqlText(text, data.sourceAt, data.formatAt)} FORMAT ${data.format}`;
    const start = text.subarray(data.dataStart);
    if (rest === undefined && start.length === 0)
      return written(await connection.run(`${head} FROM INFILE '/dev/null' ${clause}`, "Null"));
    if (rest === undefined) {
      if (data.format === "Values") refuseStatementAfterValues(start);
      if (start.length < inlineDataBytes && !start.includes(endOfInlineData))
        return connection.insert(sqlText(text, 0, data.dataStart).trimEnd(), start);
      return this.#insertFromFile(start, (file) =>
        connection.run(`${head} FROM INFILE ${quoteString(file)} ${clause}`, "Null"),
      );
    }

    return this.#context.pipes.lend((pipe) => {
      const infile = `${head} FROM INFILE ${quoteString(pipe)} ${clause}`;
      return this.#insertStream(connection, infile, pipe, start, rest, tag, gone);
    });
  }

  /** The engine reads the data from a pipe while it comes in. */
  async #insertStream(
    connection: EngineConnection,
    sql: string,
    pipe: string,
    start: Buffer,
    rest: NonNullable<BodyStart["rest"]>,
    tag: string,
    gone: AbortSignal,
  ): Promise<ExecutionResult> {
    const writer = new PipeWriter(pipe);
    let settled = false;
    const outcome = connection.run(sql, "Null").finally(() => {
      settled = true;
      writer.destroy();
    });
    // Awaited below; until then a failure must not count as unhandled.
    outcome.catch(() => {});
    try {
      // Until all of it is here. After that the insert is finished, whether or not its client waits for the answer.
      if (!settled) await write(writer.stream, start, gone);
      for (;;) {
        const next = await rest.next();
        if (next.done === true || settled) break;
        await write(writer.stream, next.value, gone);
      }
      if (!settled) await writer.end();
      return written(await outcome);
    } catch (error) {
      // The body did not arrive whole: what the pipe holds must not be taken for all of it, as the end of the pipe would have it.
      while (!settled && !this.#kill(tag)) await sleep(10);
      writer.destroy();
      await outcome.catch(() => {});
      throw error;
    }
  }

  #insertFromFile(
    data: Buffer,
    insert: (file: string) => Promise<ExecutionResult>,
  ): Promise<ExecutionResult> {
    return this.#context.pipes.lend(async (pipe) => {
      const file = `${pipe}.data`;
      try {
        await writeFile(file, data, { mode: 0o600 }).catch((cause) => {
          throw fileError(cause);
        });
        return written(await insert(file));
      } finally {
        // Emptied and used again: to make and remove a file for each insert costs some file systems more than the insert.
        await truncate(file).catch(() => {});
      }
    });
  }

  /** Runs a statement and, if it only reads, stops it when the client goes. */
  async #cancelling(
    tag: string,
    gone: AbortSignal,
    cancellable: boolean,
    run: () => Promise<ExecutionResult>,
  ): Promise<ExecutionResult> {
    gone.throwIfAborted();
    if (!cancellable) return run();
    let timer: NodeJS.Timeout | undefined;
    // Again until it ends: the engine may not have registered the query yet.
    const kill = () => {
      this.#kill(tag);
      timer = setTimeout(kill, 50);
    };
    gone.addEventListener("abort", kill, { once: true });
    try {
      return await run();
    } finally {
      gone.removeEventListener("abort", kill);
      clearTimeout(timer);
    }
  }

  /** Marks the statement as cancelled. Never throws. @returns false when it is not running (yet), or the engine cannot do it now */
  #kill(tag: string): boolean {
    try {
      const killed = this.#context.engine.control.runSync(
        `KILL QUERY WHERE Settings['${tagSetting}'] = '${tag}' ASYNC`,
      );
      return killed !== "";
    } catch {
      return false;
    }
  }

  /** The engine chooses its own query ids, so KILL QUERY is told those of the ids it names. */
  #withEngineIds(statement: Statement, sql: string): string {
    if (statement.kind !== "KILL") return sql;
    let translated = sql;
    for (const [queryId, tag] of this.#running) {
      const literal = quoteString(queryId);
      if (!translated.includes(literal)) continue;
      const engineId = this.#context.engine.control
        .runSync(`SELECT query_id FROM system.processes WHERE Settings['${tagSetting}'] = '${tag}'`)
        .trim();
      if (engineId !== "") translated = translated.replaceAll(literal, quoteString(engineId));
    }
    return translated;
  }
}

async function prepare(
  parameters: RequestParameters,
  request: IncomingMessage,
  body: BodyStart,
  maxBodyBytes: number,
): Promise<Prepared> {
  const fromHeader = request.headers["x-clickhouse-format"];
  const defaultFormat =
    parameters.defaultFormat ?? (typeof fromHeader === "string" ? fromHeader : undefined) ?? "TabSeparated";
  if (!/^\w+$/.test(defaultFormat)) {
    throw new ClickHouseError(73, "UNKNOWN_FORMAT", `Unknown format ${defaultFormat}`);
  }
  const query = parameters.query === "" ? Buffer.alloc(0) : Buffer.from(`${parameters.query}\n`);
  const start = query.length === 0 ? body.start : Buffer.concat([query, body.start]);
  if (start.length > statementHeadBytes) {
    const head = start.toString("latin1", 0, statementHeadBytes);
    const statement = /^\s*insert\b/i.test(head) ? inspectStatement(head) : undefined;
    if (statement?.insertData?.direct === true)
      return { statement, text: start, rest: body.rest, defaultFormat };
  }
  const whole = await readWhole({ start, rest: body.rest }, maxBodyBytes);
  return {
    statement: inspectStatement(whole.toString("latin1")),
    text: whole,
    rest: undefined,
    defaultFormat,
  };
}

/** The addon takes a statement up to its first NUL: in a literal the escape is the same, elsewhere it is as wrong. */
function sqlText(text: Buffer, from: number, to: number): string {
  return text.toString("utf8", from, to).replaceAll("\0", "\\0");
}

function joinStreams(request: Readable, inflate: Duplex): Duplex {
  request.once("error", (error) => inflate.destroy(error));
  request.once("aborted", () => inflate.destroy(new Error("the client closed the connection")));
  return request.pipe(inflate);
}

/** Writes, and waits for room when there is none; for at most `idleTimeoutMs`, where given. */
async function write(
  target: NodeJS.WritableStream,
  chunk: Buffer,
  gone: AbortSignal,
  idleTimeoutMs?: number,
): Promise<void> {
  gone.throwIfAborted();
  if (target.write(chunk)) return;
  let settle = () => {};
  const room = new Promise<void>((resolve) => {
    settle = resolve;
    target.once("drain", resolve);
    target.once("close", resolve);
    gone.addEventListener("abort", settle, { once: true });
  });
  try {
    await (idleTimeoutMs === undefined ? room : withinIdleTime(room, idleTimeoutMs));
  } finally {
    target.off("drain", settle);
    target.off("close", settle);
    gone.removeEventListener("abort", settle);
  }
  gone.throwIfAborted();
}

/**
 * Writes, and waits until the socket has taken it. A response keeps chunks until the end of the turn, and from Node 24 on an earlier end of
 * its socket drops them.
 */
async function writeOut(
  response: ServerResponse,
  chunk: Buffer,
  gone: AbortSignal,
  idleTimeoutMs: number,
): Promise<void> {
  gone.throwIfAborted();
  let settle = () => {};
  const taken = new Promise<void>((resolve) => {
    settle = resolve;
    response.write(chunk, () => resolve());
    gone.addEventListener("abort", settle, { once: true });
  });
  try {
    await withinIdleTime(taken, idleTimeoutMs);
  } finally {
    gone.removeEventListener("abort", settle);
  }
  gone.throwIfAborted();
}

async function finished(response: ServerResponse, gone: AbortSignal): Promise<void> {
  if (response.writableFinished || gone.aborted) return;
  await new Promise<void>((resolve) => {
    response.once("finish", resolve);
    gone.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** The engine counts what an INSERT from a pipe wrote as its result. */
function written(result: ExecutionResult): ExecutionResult {
  return {
    ...result,
    resultRows: 0,
    resultBytes: 0,
    writtenRows: result.resultRows,
    writtenBytes: result.resultBytes,
  };
}

function summary(result: ExecutionResult | undefined, elapsedMs: number): string {
  const written = { rows: String(result?.writtenRows ?? 0), bytes: String(result?.writtenBytes ?? 0) };
  const selected = { rows: String(result?.resultRows ?? 0), bytes: String(result?.resultBytes ?? 0) };
  const isWrite = result !== undefined && result.writtenRows > 0;
  const read = isWrite ? written : selected;
  return JSON.stringify({
    read_rows: read.rows,
    read_bytes: read.bytes,
    written_rows: written.rows,
    written_bytes: written.bytes,
    total_rows_to_read: "0",
    result_rows: read.rows,
    result_bytes: read.bytes,
    elapsed_ns: String(Math.round(elapsedMs * 1e6)),
  });
}

interface ExternalTable {
  readonly name: string;
  readonly structure: string;
  readonly format: string;
  readonly data: Buffer;
}

/** Takes the parameters that describe the external tables out of `url`, where they would be taken for settings. */
function readExternalTables(
  url: URLSearchParams,
  files: ReadonlyMap<string, Buffer>,
): readonly ExternalTable[] {
  return [...files].map(([name, data]) => {
    const take = (suffix: string) => {
      const value = url.get(`${name}_${suffix}`);
      url.delete(`${name}_${suffix}`);
      return value ?? undefined;
    };
    const types = take("types")
      ?.split(",")
      .map((type, index) => `_${index + 1} ${type}`)
      .join(", ");
    const structure = take("structure") ?? types;
    const format = take("format") ?? "TabSeparated";
    if (structure === undefined) {
      throw new ClickHouseError(
        36,
        "BAD_ARGUMENTS",
        `Neither ${name}_structure nor ${name}_types has been provided for external table ${name}.`,
      );
    }
    if (!/^\w+$/.test(format)) throw new ClickHouseError(73, "UNKNOWN_FORMAT", `Unknown format ${format}`);
    return { name, structure, format, data };
  });
}

/** As far as the engine lets it: a table that stays is a fault of one session, a place that stays taken is one of all requests. */
function dropExternalTables(connection: EngineConnection, tables: readonly ExternalTable[]): void {
  for (const { name } of tables) {
    try {
      connection.runSync(`DROP TEMPORARY TABLE IF EXISTS ${quoteIdentifier(name)}`);
    } catch {
      // The session's next request with a table of this name says so.
    }
  }
}

async function createExternalTable(connection: EngineConnection, table: ExternalTable): Promise<void> {
  const name = quoteIdentifier(table.name);
  connection.runSync(`CREATE TEMPORARY TABLE ${name} (${table.structure})`);
  if (table.data.length > 0)
    await connection.insert(`INSERT INTO ${name} FORMAT ${table.format}`, table.data);
}
