import { request } from "node:http";
import { connect } from "node:net";
import type { OtlpBody } from "./otlpBodies.js";

const PATH = "/v1/traces";

/** The status of the answer; undefined without one. */
export function send(url: string, body: OtlpBody): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = request(
      `${url}${PATH}`,
      { method: "POST", agent: false, headers: { ...body.headers, "Content-Length": body.bytes.length } },
      (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode));
        response.on("error", () => resolve(undefined));
      },
    );
    sent.on("error", () => resolve(undefined));
    sent.end(body.bytes);
  });
}

/** The same, in chunks of one byte each: six bytes on the wire for each byte. */
export function sendInChunksOfOne(url: string, body: OtlpBody): Promise<number | undefined> {
  const wire = Buffer.alloc(body.bytes.length * 6, Buffer.from("1\r\n \r\n"));
  for (let i = 0; i < body.bytes.length; i++) wire[i * 6 + 3] = body.bytes[i] as number;
  const head = [
    `POST ${PATH} HTTP/1.1`,
    "Host: bench",
    ...Object.entries(body.headers).map(([name, value]) => `${name}: ${value}`),
    "Transfer-Encoding: chunked",
    "Connection: close",
  ].join("\r\n");
  return raw(url, [Buffer.from(`${head}\r\n\r\n`), wire, Buffer.from("0\r\n\r\n")]).answer;
}

export interface RawExchange {
  readonly answer: Promise<number | undefined>;
  end(): void;
}

/** Sends bytes as they are, and waits for the status of an answer. */
export function raw(url: string, pieces: readonly Buffer[]): RawExchange {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  const answer = new Promise<number | undefined>((resolve) => {
    socket.once("data", (data: Buffer) => {
      resolve(Number(data.toString("latin1", 9, 12)));
      socket.destroy();
    });
    socket.on("error", () => {});
    socket.once("close", () => resolve(undefined));
  });
  for (const piece of pieces) socket.write(piece);
  return { answer, end: () => socket.destroy() };
}
