// Ingest as its first description reads: a request becomes an insert, and each of its traces a job.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { createAcceptedClock } from "@es/core/adapter";
import { decodeTraceRequest, type OtlpEncoding } from "@es/otlp";
import { insertSettings } from "@es/store-clickhouse";
import { spanTable } from "@es/trace-clickhouse";
import { createSpanEvent } from "@es/trace-projection";
import { Queue } from "bullmq";
import { BENCH_TENANT as tenantId } from "../../engines/place.js";
import { answerCalls } from "../../harness/program.js";

export interface LiteralIngestOptions {
  readonly clickhouseUrl: string;
  readonly database: string;
  readonly redisUrl: string;
  readonly prefix: string;
}

let close = async () => {};

answerCalls({ listen }, () => close());

/** Resolves with the address of the server. */
async function listen(options: LiteralIngestOptions): Promise<string> {
  const client = createClient({
    url: options.clickhouseUrl,
    database: options.database,
    log: { level: ClickHouseLogLevel.OFF },
  });
  const queue = new Queue("projections", {
    connection: { url: options.redisUrl },
    prefix: options.prefix,
    defaultJobOptions: { attempts: 3, backoff: { type: "exponential", delay: 2_000 } },
  });
  const table = spanTable();
  const clock = createAcceptedClock();

  async function take(request: IncomingMessage): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const encoding: OtlpEncoding =
      request.headers["content-type"] === "application/json" ? "json" : "protobuf";
    const { spans } = decodeTraceRequest(Buffer.concat(chunks), encoding);
    await client.insert({
      table: table.name,
      format: "JSONEachRow",
      columns: table.insertColumns as [string, ...string[]],
      values: spans.map((span) => table.toRow(createSpanEvent(span, clock.next()), tenantId)),
      clickhouse_settings: insertSettings,
    });
    const traceIds = new Set(spans.map(({ traceId }) => traceId));
    await Promise.all(
      [...traceIds].map((traceId) =>
        // The colon that BullMQ does not take in a job's id it takes here.
        queue.add("project", { tenantId, traceId }, { deduplication: { id: `${tenantId}:${traceId}` } }),
      ),
    );
  }

  const server = createServer((request, response) => {
    take(request).then(
      () => response.end(request.headers["content-type"] === "application/json" ? "{}" : ""),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close = async () => {
    server.closeAllConnections();
    await queue.close();
    await client.close();
  };
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
