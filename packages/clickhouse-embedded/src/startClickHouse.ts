import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import type { Duplex } from "node:stream";
import { isMainThread } from "node:worker_threads";
import { type Account, type Accounts, authenticate, isBrowserAttack, isLoopback } from "./access.js";
import { ClickHouseError } from "./clickHouseError.js";
import { answerClientError } from "./clientError.js";
import { Engine } from "./engine.js";
import { connectionLimit, neededFiles, openFileLimit } from "./openFiles.js";
import { PipePool } from "./pipePool.js";
import { QueryHandler } from "./queryHandler.js";
import { ReadOnlyAccount } from "./readOnlyAccount.js";
import { discardRemainder } from "./requestRemainder.js";
import { Sessions } from "./sessions.js";
import { Slots } from "./slots.js";
import { StartError } from "./startError.js";

export interface ClickHouseOptions {
  /** The data directory, created when missing. It belongs to one process at a time. */
  readonly dataDir: string;
  /** The address to listen on. Default `127.0.0.1`. Any other than a loopback address needs a password. */
  readonly host?: string;
  /** The port to listen on; 0, the default, takes a free one. */
  readonly port?: number;
  /** The account's name. Default `default`. */
  readonly username?: string;
  /** The account's password. Default: none, which only loopback addresses may have. */
  readonly password?: string;
  /**
   * A second password of the same user, for other tools: with it a request can only read the engine's own tables, under limits it cannot
   * change. Needs a `password`, and another one. Default: there is none.
   */
  readonly readOnlyPassword?: string;
  /**
   * `process`, the default: an acknowledged insert survives the death of the process, also by kill -9. `fsync`: it survives the loss of
   * power as well, at the price of waiting for the disk on every insert.
   */
  readonly durability?: "process" | "fsync";
  /** Host names, besides `localhost` and IP addresses, that requests without a password may be addressed to. */
  readonly allowedHosts?: readonly string[];
  /**
   * How many statements run at once; more wait in line. Of several places one is for inserts, which so wait for no read. Each holds a thread of Node's pool while it runs. Default: the size of that
   * pool (`UV_THREADPOOL_SIZE`, 4 if unset) less one, which must stay free for compression; more is refused.
   */
  readonly maxConcurrentQueries?: number;
  /**
   * How many connections may be open at once. One more is closed unanswered; those that are open stay. Default: a quarter of the files that the process may open
   * (`ulimit -n`) and statements do not need, from 64 to 4096.
   */
  readonly maxConnections?: number;
  /** The largest body of a statement that cannot be streamed, in bytes. Default 256 MiB. */
  readonly maxBodyBytes?: number;
  /**
   * How long a client may take nothing of a large answer, or send nothing of its request's body, before the request is given up: it may
   * hold one of the `maxConcurrentQueries`. In milliseconds; default 30 000, as ClickHouse's `http_send_timeout`.
   */
  readonly idleTimeoutMs?: number;
  /** How long `close()` waits for running statements before it stops them, in milliseconds. Default 10 000. */
  readonly drainTimeoutMs?: number;
}

export interface RunningClickHouse {
  /** The address for `createClient({ url })`, without credentials. */
  readonly url: string;
  readonly port: number;
  /**
   * Resolves while statements can be stored and answered. Rejects with the reason when they cannot: the data directory was removed, moved
   * or replaced, its disk is full or read-only, or the process can open no further file. Inserts are refused in these states.
   */
  check(): Promise<void>;
  /**
   * Stops accepting, lets running statements finish (for at most `drainTimeoutMs`, then stops them), and releases the data directory:
   * when it resolves, it can be opened again. Idempotent.
   */
  close(): Promise<void>;
}

/** A merged part replaces the parts it was made of, so it is synced like them. */
const fsyncConfig = `<clickhouse>
  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
    <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
  </merge_tree>
</clickhouse>
`;

/** As many bytes of request line and headers; ClickHouse clients put settings and parameters in the URL. */
const maxHeaderSize = 1024 * 1024;
/** A client has so long to send its request line and headers, looked at every {@link checkIntervalMs}. */
const headersTimeoutMs = 10_000;
const checkIntervalMs = 2_000;

/**
 * Runs the ClickHouse engine in this process on `dataDir` and serves ClickHouse's HTTP interface.
 * @throws {StartError} with a `code` that says why, and a message that says what to do
 */
export async function startClickHouse(options: ClickHouseOptions): Promise<RunningClickHouse> {
  const host = options.host ?? "127.0.0.1";
  const port = options.port ?? 0;
  const account: Account = { username: options.username ?? "default", password: options.password ?? "" };
  validate(options, host, port, account);

  const concurrency = options.maxConcurrentQueries ?? threadPoolSize() - 1;
  const openFiles = openFileLimit();
  if (openFiles !== undefined && openFiles < neededFiles(concurrency)) {
    throw new StartError(
      "TOO_FEW_FILES",
      `this process may open ${openFiles} files at once, but ${concurrency} statements at once need ${neededFiles(concurrency)}: raise the limit (ulimit -n) or lower maxConcurrentQueries`,
    );
  }
  const dataDir = resolve(options.dataDir);

  // The port first: finding it taken must not cost opening the data.
  let serve: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  let running: RunningServer | undefined;
  const early: (readonly [IncomingMessage, ServerResponse])[] = [];
  const server = createServer(
    {
      maxHeaderSize,
      headersTimeout: headersTimeoutMs,
      // A large insert may take its time; its client may not be idle for longer than idleTimeoutMs.
      requestTimeout: 0,
      keepAliveTimeout: 30_000,
      connectionsCheckingInterval: checkIntervalMs,
    },
    (request, response) => {
      if (serve === undefined) early.push([request, response]);
      else serve(request, response);
    },
  );
  server.maxConnections = options.maxConnections ?? connectionLimit(openFiles, concurrency);
  server.on("clientError", (error, socket) =>
    answerClientError(error, socket, running?.hasBegunAnAnswer(socket) === true),
  );
  await listen(server, host, port);
  let engine: Engine | undefined;
  let pipes: PipePool | undefined;
  try {
    engine = Engine.open(dataDir, options.durability === "fsync" ? fsyncConfig : undefined);
    pipes = new PipePool(concurrency, dataDir);
    running = new RunningServer(server, engine, pipes, concurrency, account, options);
  } catch (error) {
    engine?.close();
    pipes?.close();
    const closed = new Promise((done) => server.close(done));
    server.closeAllConnections();
    await closed;
    throw error;
  }
  const started = running;
  serve = (request, response) => started.serve(request, response);
  for (const [request, response] of early) serve(request, response);
  const actualPort = (server.address() as AddressInfo).port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${actualPort}`,
    port: actualPort,
    check: () => started.check(),
    close: () => started.close(),
  };
}

class RunningServer {
  readonly #server: Server;
  readonly #engine: Engine;
  readonly #pipes: PipePool;
  readonly #sessions: Sessions;
  readonly #handler: QueryHandler;
  readonly #accounts: Accounts;
  readonly #allowedHosts: readonly string[];
  readonly #drainTimeoutMs: number;
  readonly #version: string;
  readonly #displayName: string;
  readonly #inFlight = new Map<ServerResponse, Promise<void>>();
  #closed: Promise<void> | undefined;

  constructor(
    server: Server,
    engine: Engine,
    pipes: PipePool,
    concurrency: number,
    account: Account,
    options: ClickHouseOptions,
  ) {
    this.#server = server;
    this.#engine = engine;
    this.#pipes = pipes;
    this.#sessions = new Sessions(engine);
    const { readOnlyPassword } = options;
    this.#accounts = {
      full: account,
      readOnly:
        readOnlyPassword === undefined
          ? undefined
          : { username: account.username, password: readOnlyPassword },
    };
    this.#allowedHosts = (options.allowedHosts ?? []).map((name) => name.toLowerCase());
    this.#drainTimeoutMs = options.drainTimeoutMs ?? 10_000;
    const facts = JSON.parse(
      engine.control.runSync(
        "SELECT version() AS version, timezone() AS timezone, hostName() AS host",
        "JSONEachRow",
      ),
    ) as { readonly version: string; readonly timezone: string; readonly host: string };
    const formats = JSON.parse(
      engine.control.runSync("SELECT name, content_type FROM system.formats WHERE is_output", "JSONCompact"),
    ) as { readonly data: readonly (readonly [string, string])[] };
    this.#version = facts.version;
    this.#displayName = facts.host;
    this.#handler = new QueryHandler({
      engine,
      pipes,
      sessions: this.#sessions,
      slots: new Slots(concurrency),
      // Other tools must not hold up those that the engine is for.
      readOnlySlots: new Slots(Math.max(1, Math.floor(concurrency / 4))),
      readOnlyAccount: new ReadOnlyAccount(engine),
      version: facts.version,
      timezone: facts.timezone,
      displayName: facts.host,
      contentTypes: new Map(formats.data),
      maxBodyBytes: options.maxBodyBytes ?? 256 * 1024 * 1024,
      idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
    });
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const done = this.#answer(request, response)
      .catch((error: unknown) => this.#fail(response, error))
      .finally(() => {
        this.#inFlight.delete(response);
        discardRemainder(request);
      });
    this.#inFlight.set(response, done);
  }

  /** Whether a part of an answer was sent on this connection, and more of it follows. */
  hasBegunAnAnswer(socket: Duplex): boolean {
    for (const response of this.#inFlight.keys()) {
      if (response.socket === socket && response.headersSent) return true;
    }
    return false;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("X-ClickHouse-Server-Display-Name", this.#displayName);
    if (this.#closed !== undefined) response.setHeader("Connection", "close");
    const target = request.url ?? "/";
    const question = target.indexOf("?");
    const path = question === -1 ? target : target.slice(0, question);
    const url = new URLSearchParams(question === -1 ? "" : target.slice(question + 1));
    const reading = request.method === "GET" || request.method === "HEAD";

    if (this.#accounts.full.password === "" && isBrowserAttack(request, this.#allowedHosts)) {
      throw new ClickHouseError(
        497,
        "ACCESS_DENIED",
        `This server has no password and so refuses requests from web pages and to unknown host names (Host: ${request.headers.host}). Address it by IP or localhost, list the name in allowedHosts, or set a password.`,
      );
    }
    if (reading && (path === "/ping" || path === "/replicas_status")) return plain(response, 200, "Ok.\n");
    if (reading && path === "/" && !url.has("query")) return plain(response, 200, "Ok.\n");
    if (path !== "/") {
      return plain(
        response,
        404,
        `There is no handle ${path}\n\nUse / or /ping for health checks.\nSend queries from your program with POST method or GET /?query=...\n`,
      );
    }
    if (request.method === "OPTIONS") return plain(response, 204, "");
    if (!reading && request.method !== "POST") {
      response.setHeader("Allow", "GET, HEAD, POST, OPTIONS");
      return plain(response, 405, `Method ${request.method} is not supported; use POST, GET or HEAD.\n`);
    }
    const account = authenticate(request, url, this.#accounts);
    await this.#handler.handle(request, response, url, account === "readOnly");
  }

  #fail(response: ServerResponse, cause: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const error = ClickHouseError.fromEngine(cause);
    response.setHeader("X-ClickHouse-Exception-Code", String(error.code));
    if (error.httpStatus === 401)
      response.setHeader("WWW-Authenticate", 'Basic realm="ClickHouse server HTTP API"');
    response.removeHeader("Content-Encoding");
    plain(response, error.httpStatus, error.toText(this.#version));
  }

  async check(): Promise<void> {
    if (this.#closed !== undefined) throw new Error("the engine is closed or closes");
    await this.#engine.check();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    for (const response of this.#inFlight.keys()) {
      if (!response.headersSent) response.setHeader("Connection", "close");
    }
    const drained = Promise.all(this.#inFlight.values());
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), this.#drainTimeoutMs);
    });
    if ((await Promise.race([drained, tooLong])) === "late") {
      this.#server.closeAllConnections();
      try {
        this.#engine.control.runSync("KILL QUERY WHERE query_id != queryID() ASYNC FORMAT Null");
      } catch {
        // Their clients are gone, so each is stopped by itself.
      }
    }
    clearTimeout(timer);
    this.#server.closeIdleConnections();
    await drained;
    this.#server.closeAllConnections();
    await stopped;
    this.#sessions.closeAll();
    this.#engine.close();
    this.#pipes.close();
  }
}

function threadPoolSize(): number {
  return Math.min(1024, Number(process.env.UV_THREADPOOL_SIZE) || 4);
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain; charset=UTF-8");
  response.end(text);
}

function validate(options: ClickHouseOptions, host: string, port: number, account: Account): void {
  const invalid = (message: string) => new StartError("INVALID_OPTIONS", message);
  if (!isMainThread) {
    throw new StartError(
      "WORKER_THREAD",
      "the ClickHouse engine cannot run in a worker thread: the process would crash when the thread ends; start it in the main thread, or in a process of its own",
    );
  }
  if (typeof options.dataDir !== "string" || options.dataDir === "") {
    throw invalid("dataDir is missing: name the directory to keep the data in");
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw invalid(`port ${port} is not a port: use 0 to 65535`);
  }
  const concurrency = options.maxConcurrentQueries ?? 1;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw invalid(`maxConcurrentQueries is ${concurrency}: use a whole number above 0`);
  }
  const connections = options.maxConnections ?? 1;
  if (!Number.isInteger(connections) || connections < 1) {
    throw invalid(`maxConnections is ${connections}: use a whole number above 0`);
  }
  const threads = threadPoolSize();
  if (concurrency > threads - 1) {
    throw invalid(
      `${concurrency} statements at once need a thread pool of ${concurrency + 1}, but it has ${threads}: set UV_THREADPOOL_SIZE in the environment the process starts with`,
    );
  }
  for (const name of ["maxBodyBytes", "idleTimeoutMs", "drainTimeoutMs"] as const) {
    const value = options[name] ?? 1;
    if (!(Number.isFinite(value) && value >= 0)) throw invalid(`${name} is ${value}: use a number from 0 on`);
  }
  if (options.readOnlyPassword !== undefined) {
    if (options.readOnlyPassword === "" || account.password === "")
      throw invalid("readOnlyPassword needs a password beside it, and neither may be empty");
    if (options.readOnlyPassword === account.password)
      throw invalid(
        "readOnlyPassword is the password of the account that may do everything: choose another one",
      );
  }
  if (!isLoopback(host) && account.password === "") {
    throw new StartError(
      "PASSWORD_REQUIRED",
      `refusing to listen on ${host} without a password: others could reach it; set a password or listen on 127.0.0.1`,
    );
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (cause) {
    const { code } = cause as { readonly code?: string };
    if (code === "EADDRINUSE") {
      throw new StartError(
        "PORT_IN_USE",
        `port ${port} on ${host} is taken; stop what listens there or choose another port`,
        {
          cause,
        },
      );
    }
    throw new StartError("CANNOT_LISTEN", `cannot listen on ${host} port ${port}: ${code ?? String(cause)}`, {
      cause,
    });
  }
}
