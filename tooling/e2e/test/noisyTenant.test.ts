import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { request as httpRequest } from "node:http";
import { promisify } from "node:util";
import { createClient } from "@clickhouse/client";
import { createApiKey } from "@es/api-keys";
import { encodeTraceRequest } from "@es/otlp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, untilReady } from "./apps.js";
import { makeSpan } from "./otlpClient.js";
import { killLeftovers, type RunningProcess } from "./processes.js";

const run = promisify(execFile);
const clickhouseUrl = process.env.CLICKHOUSE_URL ?? "";
const database = `e2e_${randomUUID().replaceAll("-", "")}`;
const [noisy, quiet] = [createApiKey(), createApiKey()];
const keyEntry = (tenant: string, { hash }: { hash: string }) => ({ tenant, hash, scopes: ["ingest"] });

let ingest: { readonly process: RunningProcess; readonly url: string };

beforeAll(async () => {
  ingest = await startApp("ingest", {
    CLICKHOUSE_URL: clickhouseUrl,
    CLICKHOUSE_DATABASE: database,
    REDIS_URL: process.env.REDIS_URL ?? "",
    QUEUE_PREFIX: `{${database}}`,
    API_KEYS: JSON.stringify({ keys: [keyEntry("noisy", noisy), keyEntry("quiet", quiet)] }),
    INGEST_MAX_BODY_BYTES: "1000000",
    INGEST_MAX_INFLIGHT_BYTES: "60000000",
    INGEST_MAX_INFLIGHT_BYTES_PER_TENANT: "18000000",
  });
  await untilReady(ingest.url);
}, 120_000);

afterAll(async () => {
  await ingest.process.stop();
  await killLeftovers();
  const client = createClient({ url: clickhouseUrl });
  await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
  await client.close();
});

interface Answer {
  readonly status: number;
  readonly retryAfter: number;
}

function send(key: string, body: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      `${ingest.url}/v1/traces`,
      {
        method: "POST",
        headers: {
          "x-api-key": key,
          "content-type": "application/x-protobuf",
          "content-length": body.length,
        },
      },
      (response) => {
        response.resume();
        response.once("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: Number(response.headers["retry-after"] ?? 0),
          }),
        );
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

async function residentMegabytes(): Promise<number> {
  const { stdout } = await run("ps", ["-o", "rss=", "-p", String(ingest.process.pid)]);
  return Number(stdout) / 1_024;
}

describe("a tenant that floods", () => {
  it("is told to slow down, while every request of another is served", { timeout: 400_000 }, async () => {
    const large = encodeTraceRequest(
      Array.from({ length: 800 }, () => makeSpan({ attributes: new Map([["text", "x".repeat(1_000)]]) })),
      "protobuf",
    );
    expect(large.length).toBeLessThan(1_000_000);
    const ofNoisy: Answer[] = [];
    let isOver = false;
    let mostMegabytes = 0;
    const flood = Array.from({ length: 30 }, async () => {
      while (!isOver) {
        const answer = await send(noisy.key, large);
        ofNoisy.push(answer);
        // Impatient, as no client should be; but the process that measures has to live as well.
        if (answer.status === 429) await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
    const ofQuiet: Answer[] = [];
    const countOf = (status: number) => ofNoisy.filter((answer) => answer.status === status).length;
    // Until both have met the flood, however slow the machine is.
    while (ofQuiet.length < 15 || countOf(429) < 20 || countOf(200) < 5) {
      ofQuiet.push(await send(quiet.key, encodeTraceRequest([makeSpan()], "protobuf")));
      mostMegabytes = Math.max(mostMegabytes, await residentMegabytes());
    }
    isOver = true;
    await Promise.all(flood);
    expect(ofQuiet.map(({ status }) => status)).toEqual(ofQuiet.map(() => 200));
    expect(new Set(ofNoisy.map(({ status }) => status))).toEqual(new Set([200, 429]));
    for (const { status, retryAfter } of ofNoisy)
      if (status === 429) expect(retryAfter).toBeGreaterThanOrEqual(1);
    // 18 MB of bodies, what becomes of them, and the program itself.
    expect(mostMegabytes).toBeLessThan(700);
    // And then it is served again.
    expect((await send(noisy.key, encodeTraceRequest([makeSpan()], "protobuf"))).status).toBe(200);
  });
});
