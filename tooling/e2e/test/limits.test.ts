import { afterAll, beforeAll, expect, it } from "vitest";
import { type Standalone, startStandalone } from "./apps.js";
import { makeSpan, sendSpans } from "./otlpClient.js";
import { killLeftovers, temporaryFolder, until } from "./processes.js";
import { completeProjection, projectionOf } from "./readApi.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let standalone: Standalone;
beforeAll(async () => {
  folder = await temporaryFolder();
  standalone = await startStandalone(folder.path, { TRACE_MAX_BYTES: "50000" });
});
afterAll(async () => {
  await standalone.process.stop();
  await killLeftovers();
  await folder.remove();
});

it("parks the rebuild of a trace of more bytes than one may have, keeps its projection, and goes on with others", {
  timeout: 120_000,
}, async () => {
  const attributes = new Map([["text", "x".repeat(10_000)]]);
  const first = makeSpan({ attributes });
  const { traceId } = first;
  expect(await sendSpans(standalone.ingestUrl, [first])).toBe(200);
  await completeProjection(standalone.consoleUrl, traceId, 1);
  const more = Array.from({ length: 9 }, () => makeSpan({ traceId, attributes }));
  expect(await sendSpans(standalone.ingestUrl, more)).toBe(200);
  const letter = await until("the rebuild is parked", async () => {
    const answer = await fetch(`${standalone.operationsUrl}/operations/dead-letters`);
    const { deadLetters } = (await answer.json()) as { deadLetters: readonly unknown[] };
    return deadLetters[0];
  });
  expect(letter).toMatchObject({ code: "AGGREGATE_TOO_LARGE", aggregateId: traceId });
  expect(await projectionOf(standalone.consoleUrl, traceId)).toMatchObject({ spanCount: 1 });
  const other = makeSpan();
  expect(await sendSpans(standalone.ingestUrl, [other])).toBe(200);
  await completeProjection(standalone.consoleUrl, other.traceId, 1);
});

it("answers 431 to longer headers than each app reads", async () => {
  const statusOf = async (url: string, headerBytes: number) =>
    (await fetch(url, { headers: { "x-long": "x".repeat(headerBytes) } })).status;
  for (const url of [standalone.ingestUrl, standalone.operationsUrl]) {
    expect(await statusOf(`${url}/healthz`, 15_000)).toBe(200);
    expect(await statusOf(`${url}/healthz`, 17_000)).toBe(431);
  }
  expect(await statusOf(`${standalone.consoleUrl}/api/traces`, 160_000)).toBe(200);
  expect(await statusOf(`${standalone.consoleUrl}/api/traces`, 165_000)).toBe(431);
});
