import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ClickHouseClient } from "@clickhouse/client";

const LOST: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

/**
 * Whether the connection broke before the answer came. That is what a request meets on a connection that ClickHouse, or a
 * proxy before it, has closed while it was idle.
 */
export function isLostConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return LOST.has((error as NodeJS.ErrnoException).code) || error.message === "socket hang up";
}

/**
 * Does a round trip once more if its connection was lost before the answer came. The work must be safe to repeat: the first
 * request may have been carried out.
 */
export async function againIfLost<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isLostConnection(error)) throw error;
    // Closed connections leave the pool in between.
    await nextTurn();
    return work();
  }
}

const wrapped = new WeakMap<ClickHouseClient, ClickHouseClient>();

/**
 * The same client, whose statements are sent once more if their connection was lost before the answer came. Only for callers
 * whose statements are safe to repeat. Statements with a stream of values are sent once.
 */
export function repeating(client: ClickHouseClient): ClickHouseClient {
  const known = wrapped.get(client);
  if (known !== undefined) return known;
  const made = new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      if (!REPEATED.has(name)) return member.bind(target);
      return (parameters: { readonly values?: unknown }) => {
        const send = (): Promise<unknown> => member.call(target, parameters);
        return isStream(parameters.values) ? send() : againIfLost(send);
      };
    },
  });
  wrapped.set(client, made);
  wrapped.set(made, made);
  return made;
}

const REPEATED: ReadonlySet<string | symbol> = new Set(["query", "command", "exec", "insert"]);

function isStream(values: unknown): boolean {
  return typeof values === "object" && values !== null && "pipe" in values;
}

export interface ClickHouseAgentOptions {
  /** As `max_open_connections` of the client, which it does not apply to an agent. @default 10 */
  readonly maxSockets?: number;
}

/**
 * An agent for `createClient({ http_agent })` that trusts no idle connection after one was lost: it closes them all. So the
 * stores, which repeat a request whose connection was lost, repeat it on a new connection. The client's own agent would
 * give it the next idle one, which may be just as dead.
 */
export function createClickHouseAgent(
  url: string | URL,
  { maxSockets = 10 }: ClickHouseAgentOptions = {},
): HttpAgent {
  const options = { keepAlive: true, maxSockets };
  return new URL(url).protocol === "https:" ? new WaryHttpsAgent(options) : new WaryHttpAgent(options);
}

class WaryHttpAgent extends HttpAgent {
  override createConnection(
    ...parameters: Parameters<HttpAgent["createConnection"]>
  ): ReturnType<HttpAgent["createConnection"]> {
    return wary(this, super.createConnection(...parameters));
  }
}

class WaryHttpsAgent extends HttpsAgent {
  override createConnection(
    ...parameters: Parameters<HttpsAgent["createConnection"]>
  ): ReturnType<HttpsAgent["createConnection"]> {
    return wary(this, super.createConnection(...parameters));
  }
}

function wary<T extends Duplex | null | undefined>(agent: HttpAgent, socket: T): T {
  if (!(socket instanceof Socket)) return socket;
  const closeIdle = (): void => {
    for (const idle of Object.values(agent.freeSockets).flat()) idle?.destroy();
  };
  // An error, or the other side's end without one: whoever closed this connection may have closed the others.
  socket.once("error", closeIdle);
  socket.once("end", closeIdle);
  return socket;
}
