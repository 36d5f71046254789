import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What stands between the apps and the engine: what the embedded engine has no users, grants or profiles for. */
export interface ProxyState {
  /** Sent in place of what the apps send, so that the engine itself refuses. */
  readonly password?: string;
  /** Every request has `readonly=1`, which the engine itself enforces, and these settings; it may set no other. */
  readonly readOnlyProfile?: Readonly<Record<string, string>>;
  /** Refuses statements that match, in the engine's own words. */
  readonly denied?: { readonly statement: RegExp; readonly grant: string };
  /** Holds every answer back, milliseconds. */
  readonly delayMs?: number;
  /** What comes on a connection that was idle for longer is answered by a reset, milliseconds. */
  readonly idleMs?: number;
}

/** No settings: the interface takes them itself, from any user. */
const OF_THE_INTERFACE = new Set([
  ...[
    "query",
    "query_id",
    "database",
    "default_format",
    "session_id",
    "wait_end_of_query",
    "user",
    "password",
  ],
  "role",
]);

/** An HTTP proxy before the embedded engine. */
export class ClickHouseProxy {
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #target: URL;
  /** Values of settings as the engine has them: setting one to its own value is no change. */
  readonly #defaults: ReadonlyMap<string, string>;
  readonly #idleSince = new WeakMap<Socket, number>();
  state: ProxyState = {};
  resets = 0;

  private constructor(target: string, defaults: ReadonlyMap<string, string>) {
    this.#target = new URL(target);
    this.#defaults = defaults;
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
      this.#pass(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  static async start(target: string, password: string): Promise<ClickHouseProxy> {
    const query = "SELECT name, value FROM system.settings FORMAT JSONEachRow";
    const answer = await fetch(`${target}/`, {
      method: "POST",
      headers: { "x-clickhouse-user": "default", "x-clickhouse-key": password },
      body: query,
    });
    const lines = (await answer.text()).trim().split("\n");
    const rows = lines.map((line) => JSON.parse(line) as { readonly name: string; readonly value: string });
    const proxy = new ClickHouseProxy(target, new Map(rows.map(({ name, value }) => [name, value])));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { socket } = incoming;
    const { idleMs, delayMs = 0, denied, readOnlyProfile, password } = this.state;
    const since = this.#idleSince.get(socket);
    if (idleMs !== undefined && since !== undefined && performance.now() - since > idleMs) {
      this.resets++;
      socket.resetAndDestroy();
      return;
    }
    outgoing.once("finish", () => this.#idleSince.set(socket, performance.now()));
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const url = new URL(incoming.url ?? "/", this.#target);
    const statement = `${url.searchParams.get("query") ?? ""}${body.subarray(0, 4_096).toString("latin1")}`;
    if (denied?.statement.test(statement)) {
      const words = `default: Not enough privileges. To execute this query, it's necessary to have the grant ${denied.grant}.`;
      refuse(outgoing, 403, 497, words, "ACCESS_DENIED");
      return;
    }
    if (readOnlyProfile !== undefined) {
      const changed = this.#changedSetting(url.searchParams, readOnlyProfile);
      if (changed !== undefined) {
        refuse(outgoing, 500, 164, `Cannot modify '${changed}' setting in readonly mode.`, "READONLY");
        return;
      }
      for (const [name, value] of Object.entries(readOnlyProfile)) url.searchParams.set(name, value);
      url.searchParams.set("readonly", "1");
    }
    const headers = { ...incoming.headers };
    if (password !== undefined)
      headers.authorization = `Basic ${Buffer.from(`default:${password}`).toString("base64")}`;
    const upstream = request(url, { method: incoming.method, headers, agent: this.#agent }, (answer) => {
      const send = async () => {
        if (delayMs > 0) await sleep(delayMs);
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
        answer.on("error", () => outgoing.destroy());
      };
      void send();
    });
    // Whatever happens on one side happens on the other.
    upstream.on("error", () => socket.resetAndDestroy());
    outgoing.once("close", () => upstream.destroy());
    upstream.end(body);
  }

  #changedSetting(
    parameters: URLSearchParams,
    profile: Readonly<Record<string, string>>,
  ): string | undefined {
    for (const [name, value] of parameters) {
      if (OF_THE_INTERFACE.has(name) || name.startsWith("param_")) continue;
      if ((profile[name] ?? this.#defaults.get(name)) !== value) return name;
    }
    return undefined;
  }
}

function refuse(outgoing: ServerResponse, status: number, code: number, words: string, type: string): void {
  outgoing.writeHead(status, { "content-type": "text/plain", "x-clickhouse-exception-code": String(code) });
  outgoing.end(`Code: ${code}. DB::Exception: ${words} (${type}) (version 26.7.2.1)\n`);
}
