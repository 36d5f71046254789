import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { answerClientError } from "./answerClientError.js";
import { ConfigurationError } from "./configurationError.js";
import { createHealthRoutes, type ReadinessCheck } from "./health.js";
import { openFilesLimit } from "./openFilesLimit.js";
import { repeatedHeader } from "./repeatedHeader.js";

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** The variable an operator changes when the port is taken. */
  readonly portVariable: string;
}

export interface HttpServerOptions extends ListenAddress {
  readonly handler: HttpHandler;
  /** What `/readyz` asks. */
  readonly readiness: Readonly<Record<string, ReadinessCheck>>;
  readonly onError: (error: unknown) => void;
  /**
   * Connections at once. One more is closed unanswered, together with those that wait for a next request.
   *
   * @default a quarter of the files that the process may have open, at most 8 192
   */
  readonly maxConnections?: number | undefined;
  /** Of the request line and all headers together; 431 beyond. @default 16 384 */
  readonly maxHeaderBytes?: number;
  /** How long the headers of a request may take to arrive; 408 beyond. @default 10 000 */
  readonly headersTimeoutMs?: number;
  /** How long a request may take to arrive in full; 408 beyond. @default 60 000 */
  readonly requestTimeoutMs?: number;
  /**
   * Whether the handler itself refuses requests that bring one header with two values, see `repeatedHeader`.
   *
   * @default false
   */
  readonly handlerChecksHeaders?: boolean;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** How often Node.js looks for connections that are past these times. */
const CHECKING_INTERVAL_MS = 1_000;
const MAX_CONNECTIONS = 8_192;
/** Connections that were closed unanswered are reported at most so often. */
const DROP_REPORT_MS = 60_000;

export interface RunningHttpServer {
  /** `http://host:port`, with the port the system chose. */
  readonly url: string;
  /** From now on `/readyz` answers 503, so that a load balancer looks elsewhere. */
  beginDrain(): void;
  /** Stops accepting, lets requests in flight finish for up to `timeoutMs`, then cuts them. */
  close(timeoutMs?: number): Promise<void>;
}

/** Listens, with `/healthz` and `/readyz` in front of the handler. @throws ConfigurationError if the port is taken */
export async function startHttpServer(options: HttpServerOptions): Promise<RunningHttpServer> {
  const health = createHealthRoutes(options.readiness);
  let closing = false;
  /** Unfinished responses by connection. Node counts a connection that has sent nothing yet as busy. */
  const underWay = new Map<Socket, Set<ServerResponse>>();
  const headersTimeout = options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS;
  const limits = {
    ...(options.maxHeaderBytes === undefined ? {} : { maxHeaderSize: options.maxHeaderBytes }),
    keepAliveTimeout: 65_000,
    headersTimeout,
    requestTimeout: Math.max(headersTimeout, options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS),
    connectionsCheckingInterval: Math.min(CHECKING_INTERVAL_MS, headersTimeout),
  };
  const server = createServer(limits, (request, response) => {
    const { socket } = request;
    const responses = underWay.get(socket) ?? new Set();
    underWay.set(socket, responses.add(response));
    // No further request on it once we close.
    if (closing) response.shouldKeepAlive = false;
    response.once("close", () => {
      responses.delete(response);
      if (closing && responses.size === 0) socket.destroySoon();
    });
    handle(request, response).catch((error: unknown) => {
      options.onError(error);
      if (response.headersSent) response.destroy();
      else
        response
          .writeHead(500, { "content-type": "application/json" })
          .end('{"error":{"message":"Internal error"}}');
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (await health.handle(request, response)) return;
    const repeated = options.handlerChecksHeaders === true ? undefined : repeatedHeader(request);
    if (repeated === undefined) {
      await options.handler(request, response);
      return;
    }
    const message = `The request brings the header ${repeated} with two different values; send one.`;
    response
      .writeHead(400, { "content-type": "application/json", connection: "close" })
      .end(JSON.stringify({ error: { code: "REPEATED_HEADER", message } }));
  }

  server.on("connection", (socket) => {
    underWay.set(socket, new Set());
    socket.once("close", () => underWay.delete(socket));
  });
  server.on("clientError", (error, socket) => {
    const responses = [...(underWay.get(socket as Socket) ?? [])];
    answerClientError(error, socket, responses.some(hasBegun));
  });
  server.maxConnections =
    options.maxConnections ?? Math.min(MAX_CONNECTIONS, Math.floor(openFilesLimit() / 4));
  reportDrops(server, options.onError);
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    beginDrain: () => health.beginDrain(),
    close(timeoutMs = 10_000) {
      closing = true;
      const closed = close(server, timeoutMs);
      for (const [socket, responses] of underWay) if (responses.size === 0) socket.destroy();
      return closed;
    },
  };
}

/** Whether a part of it was sent; one that waits for the answer before it on its connection has no socket yet. */
function hasBegun(response: ServerResponse): boolean {
  return response.headersSent && response.socket !== null;
}

/** Makes room for the next connection, and says now and then how many were refused. */
function reportDrops(server: Server, onError: (error: unknown) => void): void {
  let dropped = 0;
  let reportedAt = Number.NEGATIVE_INFINITY;
  server.on("drop", () => {
    dropped++;
    // Whoever waits for a next request can connect again.
    server.closeIdleConnections();
    if (performance.now() - reportedAt < DROP_REPORT_MS) return;
    reportedAt = performance.now();
    onError(
      new Error(
        `${dropped} connections were refused: ${server.maxConnections} are open, which is the most this server takes. ` +
          "Raise the limit of open files (ulimit -n), or start more processes.",
      ),
    );
    dropped = 0;
  });
}

/** For an app that has much to do before it listens. @throws ConfigurationError if the port is taken now */
export async function assertPortIsFree(address: ListenAddress): Promise<void> {
  const server = createServer();
  await listen(server, address);
  await close(server, 0);
}

function listen(server: Server, { host, port, portVariable }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(listenError(error, host, port, portVariable));
    });
    server.listen({ host, port }, () => resolve());
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number, variable: string): Error {
  switch (error.code) {
    case "EADDRINUSE":
      return new ConfigurationError(
        `Port ${port} on ${host} is taken by another process. Stop it, or choose another port with ${variable}.`,
        { cause: error },
      );
    case "EACCES":
      return new ConfigurationError(
        `Port ${port} may not be used by this user. Choose one above 1023 with ${variable}.`,
        { cause: error },
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new ConfigurationError(
        `${host} is not an address of this machine, so ${variable} cannot listen there.`,
        {
          cause: error,
        },
      );
    default:
      return error;
  }
}

function close(server: Server, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
