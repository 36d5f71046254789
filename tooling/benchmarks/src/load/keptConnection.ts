import { connect, type Socket } from "node:net";

export interface HttpReply {
  readonly status: number;
  readonly body: string;
}

const HEAD_END = "\r\n\r\n";
const CHUNKED_END = "\r\n0\r\n\r\n";

/**
 * One HTTP/1.1 connection that is kept, one request at a time, with as little work as possible: what the load generator
 * needs of a core is missing to what is measured.
 */
export class KeptConnection {
  readonly #socket: Socket;
  #received = "";
  #waiting: { resolve(reply: HttpReply): void; reject(error: Error): void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#take(text));
    const end = (error?: Error) => {
      this.#waiting?.reject(error ?? new Error("The connection was closed before the answer."));
      this.#waiting = undefined;
    };
    socket.on("error", end);
    socket.on("close", () => end());
  }

  static open({ hostname, port }: URL): Promise<KeptConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port) }, () => {
        socket.removeListener("error", reject);
        resolve(new KeptConnection(socket));
      });
      socket.once("error", reject);
    });
  }

  /** Servers close connections that nothing comes on. */
  get isOpen(): boolean {
    return this.#socket.writable;
  }

  /** @param head the request's first lines, with the length of its body, and the empty one */
  post(head: string, body: Uint8Array): Promise<HttpReply> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#received = "";
      this.#socket.cork();
      this.#socket.write(head, "latin1");
      this.#socket.write(body);
      this.#socket.uncork();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const head = this.#received.slice(0, headEnd).toLowerCase();
    const body = this.#received.slice(headEnd + HEAD_END.length);
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    const isWhole =
      length === undefined ? `\r\n${body}`.endsWith(CHUNKED_END) : body.length >= Number(length);
    if (!isWhole) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve({ status: Number(head.slice(9, 12)), body });
  }
}
