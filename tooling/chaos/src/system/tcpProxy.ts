import { once } from "node:events";
import { connect as connectTo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What the network between two processes does. */
export interface Weather {
  /** Every piece that passes is held this long, milliseconds: at once a latency and a throttle. */
  delayMs: number;
  /** Answers are cut in their middle and their connections reset. */
  cutting: boolean;
  /** Nothing passes, in either direction, as if packets were dropped; connections stay open. */
  blocked: boolean;
}

/** A network between a client and a server on this machine, which can be made bad. */
export class TcpProxy {
  readonly weather: Weather = { delayMs: 0, cutting: false, blocked: false };
  readonly #server: Server;
  #targetPort: number;
  readonly #connections = new Set<() => void>();
  #unblocked: Promise<void> = Promise.resolve();
  #unblock: () => void = () => undefined;
  /** Connections cut in the middle of an answer. */
  cuts = 0;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    server.on("connection", (client) => this.#join(client));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new TcpProxy(server, targetPort);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** New connections go there, as after a change of a name; those there are stay with the server they have. */
  retarget(port: number): void {
    this.#targetPort = port;
  }

  /** Drops packets until `unblock`. */
  block(): void {
    if (this.weather.blocked) return;
    this.weather.blocked = true;
    this.#unblocked = new Promise((resolve) => {
      this.#unblock = resolve;
    });
  }

  /** What was held back goes on, as TCP does after a partition. */
  unblock(): void {
    this.weather.blocked = false;
    this.#unblock();
  }

  /** Resets every connection. */
  resetAll(): void {
    for (const reset of [...this.#connections]) reset();
  }

  calm(): void {
    this.weather.delayMs = 0;
    this.weather.cutting = false;
    this.unblock();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.calm();
    this.resetAll();
    await closed;
  }

  #join(client: Socket): void {
    const server = connectTo({
      host: "127.0.0.1",
      port: this.#targetPort,
      allowHalfOpen: true,
      noDelay: true,
    });
    const reset = () => {
      this.#connections.delete(reset);
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    this.#connections.add(reset);
    client.on("error", reset);
    // What the server said before it hung up arrives.
    server.on("error", () => {
      this.#connections.delete(reset);
      client.destroySoon();
      server.destroy();
    });
    const ends = [this.#relay(client, server, false, reset), this.#relay(server, client, true, reset)];
    Promise.all(ends).then(() => this.#connections.delete(reset), reset);
  }

  async #relay(from: Socket, to: Socket, isAnswer: boolean, reset: () => void): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      if (this.weather.blocked) await this.#unblocked;
      if (this.weather.delayMs > 0) await sleep(this.weather.delayMs);
      if (isAnswer && this.weather.cutting) {
        this.cuts++;
        // Half an answer, then a reset: the client knows that it got something, and not what.
        to.write(chunk.subarray(0, Math.floor(chunk.length / 2)), () => reset());
        return;
      }
      if (to.destroyed) return;
      if (!to.write(chunk)) await drained(to);
    }
    to.end();
  }
}

/** Resolves when there is room again, or never will be. A long connection must not gather the listeners of every wait. */
async function drained(to: Socket): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  await Promise.race([once(to, "drain", { signal }), once(to, "close", { signal })]).finally(() =>
    waiting.abort(),
  );
}
