// An engine over HTTP, by the official client.
import { Readable } from "node:stream";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { answerCalls } from "../../harness/program.js";
import { type EngineAccess, type EngineWork, TABLE_SQL, workOn } from "./engineWork.js";

let client: ClickHouseClient | undefined;

answerCalls({ open, work }, async () => client?.close());

async function open(url: string): Promise<void> {
  client = createClient({ url, log: { level: ClickHouseLogLevel.OFF } });
  await client.command({ query: TABLE_SQL });
}

function work(asked: EngineWork) {
  if (client === undefined) throw new Error("It is not open.");
  return workOn(through(client), asked);
}

function through(opened: ClickHouseClient): EngineAccess {
  const bytesOf = async (stream: Readable) => {
    let bytes = 0;
    for await (const chunk of stream) bytes += (chunk as Buffer).byteLength;
    return bytes;
  };
  return {
    query: async (query) => bytesOf((await opened.exec({ query })).stream),
    async insert(query, rows) {
      const values = Readable.from([rows], { objectMode: false });
      await bytesOf((await opened.exec({ query, values, clickhouse_settings: { async_insert: 0 } })).stream);
    },
  };
}
