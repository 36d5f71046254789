import { describe, expect, it } from "vitest";
import { ingestLimits } from "./ingestLimits.js";

describe("the limits of ingest", () => {
  it("are 64 MB a request and 256 MB in all where the heap is large", () => {
    expect(ingestLimits({}, 4_144_000_000)).toEqual({
      maxBodyBytes: 64_000_000,
      maxInFlightBytes: 256_000_000,
    });
  });

  it("are an eighth of a small heap", () => {
    expect(ingestLimits({}, 240_000_000)).toEqual({ maxBodyBytes: 30_000_000, maxInFlightBytes: 30_000_000 });
  });

  it("are what is set, and never exclude each other", () => {
    const small = 100_000_000;
    expect(ingestLimits({ INGEST_MAX_BODY_BYTES: 40_000_000 }, small).maxInFlightBytes).toBe(40_000_000);
    expect(ingestLimits({ INGEST_MAX_INFLIGHT_BYTES: 5_000_000 }, small).maxBodyBytes).toBe(5_000_000);
    expect(ingestLimits({ INGEST_MAX_BODY_BYTES: 1, INGEST_MAX_INFLIGHT_BYTES: 2 }, small)).toEqual({
      maxBodyBytes: 1,
      maxInFlightBytes: 2,
    });
  });
});
