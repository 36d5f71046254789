import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** Whether the server closes the connection after it. */
  readonly closes: boolean;
}

const REPLY_TIMEOUT_MS = 30_000;

/** One connection that sends what it is given, byte by byte, and reads one reply at a time. */
export class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #wake = (): void => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    // A server may reset what it has no use for.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return new Connection(socket);
  }

  async send(pieces: readonly Buffer[]): Promise<void> {
    for (const [place, piece] of pieces.entries()) {
      if (place > 0) await new Promise((resolve) => setTimeout(resolve, 1));
      this.#socket.write(piece);
    }
  }

  end(): void {
    this.#socket.end();
  }

  /** Undefined when the connection is closed without one. @throws when neither comes in time */
  async reply(): Promise<RawReply | undefined> {
    const deadline = performance.now() + REPLY_TIMEOUT_MS;
    for (;;) {
      const reply = this.#parse();
      if (reply !== undefined) return reply;
      if (this.#isClosed) return undefined;
      if (performance.now() > deadline) throw new Error("No answer, and the connection is open");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, REPLY_TIMEOUT_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #parse(): RawReply | undefined {
    const headEnd = this.#received.indexOf("\r\n\r\n");
    if (headEnd === -1) return undefined;
    const [statusLine = "", ...lines] = this.#received.toString("latin1", 0, headEnd).split("\r\n");
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    const length = Number(headers.get("content-length") ?? 0);
    const end = headEnd + 4 + length;
    if (this.#received.length < end) return undefined;
    const body = Buffer.from(this.#received.subarray(headEnd + 4, end));
    this.#received = this.#received.subarray(end);
    return {
      status: Number(statusLine.split(" ")[1]),
      headers,
      body,
      closes: headers.get("connection")?.toLowerCase() === "close",
    };
  }
}
