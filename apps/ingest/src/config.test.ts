import { describe, expect, it } from "vitest";
import { readIngestAppConfig } from "./config.js";

describe("the configuration of ingest", () => {
  it("leaves the share of a tenant to the handler, which makes it half of all, unless it is set", () => {
    const halfOfLess = { INGEST_MAX_INFLIGHT_BYTES: "90000000", INGEST_MAX_BODY_BYTES: "1000000" };
    expect(readIngestAppConfig(halfOfLess).INGEST_MAX_INFLIGHT_BYTES_PER_TENANT).toBeUndefined();
    const set = readIngestAppConfig({ INGEST_MAX_INFLIGHT_BYTES_PER_TENANT: "70000000" });
    expect(set.INGEST_MAX_INFLIGHT_BYTES_PER_TENANT).toBe(70_000_000);
  });
});
