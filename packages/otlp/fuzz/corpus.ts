import fc from "fast-check";
import { encodeTraceRequest, type OtlpSpan } from "../src/index.js";
import { messageBytes, spanGroups } from "../test/fixtures/arbitraries.js";

/** What bodies are made of by mutation. */
export interface Corpus {
  readonly spans: readonly (readonly OtlpSpan[])[];
  readonly protobuf: readonly Buffer[];
  readonly json: readonly string[];
}

export function makeCorpus(seed: number): Corpus {
  const spans = fc.sample(spanGroups, { seed, numRuns: 150 }).filter((group) => group.length > 0);
  const odd = fc.sample(messageBytes("ExportTraceServiceRequest"), { seed, numRuns: 150 });
  return {
    spans,
    protobuf: [...spans.map((group) => Buffer.from(encodeTraceRequest(group, "protobuf"))), ...odd],
    json: spans.map((group) => Buffer.from(encodeTraceRequest(group, "json")).toString()),
  };
}
