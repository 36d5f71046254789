import { mkdtempSync, rmSync } from "node:fs";
import { type Agent, type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A fresh directory, and what removes it. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "clickhouse-embedded-test-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface RawResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The connection ended before the body did. */
  readonly cutOff: boolean;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  readonly agent?: Agent;
}

/** One plain HTTP request, the body unchanged both ways. */
export function send(base: string, pathAndQuery: string, options: RawRequest = {}): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${base}${pathAndQuery}`,
      {
        method: options.method ?? (options.body === undefined ? "GET" : "POST"),
        headers: options.headers ?? {},
        agent: options.agent ?? false,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        const finish = (cutOff: boolean) => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            bytes,
            text: bytes.toString("utf8"),
            cutOff,
          });
        };
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.once("end", () => finish(false));
        incoming.once("error", () => finish(true));
      },
    );
    outgoing.once("error", reject);
    outgoing.end(options.body);
  });
}

/** `?a=1&b=2` of the given parameters. */
export function parameters(values: Readonly<Record<string, string | number>>): string {
  return `/?${new URLSearchParams(Object.entries(values).map(([name, value]): [string, string] => [name, String(value)]))}`;
}

/** Waits until the condition holds; the test's own timeout ends a wait in vain. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}
