import { RequestError } from "@es/host";
import { describe, expect, it } from "vitest";
import { readExplainQuery, readListQuery, readSessionQuery, readSpansQuery, readTraceId } from "./query.js";

describe("readListQuery", () => {
  it("has a default limit and leaves out what is not asked", () => {
    expect(readListQuery({})).toEqual({ limit: 50 });
    expect(readListQuery({ kind: "retriever" })).toEqual({ limit: 50, kind: "retriever" });
    expect(readListQuery({ include: "messages" })).toEqual({ limit: 50, includeMessages: true });
  });

  it.each([
    ["1700000000000000001", 1_700_000_000_000_000_001n],
    ["1970-01-01T00:00:00Z", 0n],
    ["2023-11-14T22:13:20Z", 1_700_000_000_000_000_000n],
    ["2023-11-14T22:13:20.000000001Z", 1_700_000_000_000_000_001n],
    ["2023-11-14T22:13:20.5Z", 1_700_000_000_500_000_000n],
    ["2023-11-14T23:13:20+01:00", 1_700_000_000_000_000_000n],
    ["2023-11-14t22:13:20z", 1_700_000_000_000_000_000n],
  ])("reads the time %s to the nanosecond", (text, nanoseconds) => {
    expect(readListQuery({ from: text, to: text })).toMatchObject({ from: nanoseconds, to: nanoseconds });
  });

  it.each([
    { from: "yesterday" },
    { from: "2023-11-14" },
    { from: "2023-13-14T22:13:20Z" },
    { to: "18446744073709551616" },
    { from: "1790000000" },
    { to: "1790000000000" },
    { from: "0" },
    { to: "-1" },
    { limit: "0" },
    { limit: "501" },
    { limit: "ten" },
    { limit: "1e2" },
    { status: "OK" },
    { kind: "LLM" },
    { include: "spans" },
    { include: "" },
    { order: "asc" },
  ])("refuses %o and says what to write", (query) => {
    expect(() => readListQuery(query as Record<string, string>)).toThrow(RequestError);
    expect(() => readListQuery(query as Record<string, string>)).toThrow(/expected|there are/);
  });
});

describe("readSpansQuery", () => {
  it("reads 1 000 spans unless asked for fewer or more", () => {
    expect(readSpansQuery({})).toEqual({ limit: 1_000 });
    expect(readSpansQuery({ limit: "10000", cursor: "c" })).toEqual({ limit: 10_000, cursor: "c" });
  });

  it.each([{ limit: "10001" }, { limit: "0" }, { page: "2" }])(
    "refuses %o and says what to write",
    (query) => {
      expect(() => readSpansQuery(query as Record<string, string>)).toThrow(RequestError);
      expect(() => readSpansQuery(query as Record<string, string>)).toThrow(/expected|there are/);
    },
  );
});

describe("readExplainQuery", () => {
  it("leaves the number of candidates to the default, or takes what is asked", () => {
    expect(readExplainQuery({})).toEqual({});
    expect(readExplainQuery({ candidates: "0" })).toEqual({ candidates: 0 });
    expect(readExplainQuery({ candidates: "500" })).toEqual({ candidates: 500 });
  });

  it.each([{ candidates: "501" }, { candidates: "-1" }, { candidates: "" }, { limit: "1" }])(
    "refuses %o and says what to write",
    (query) => {
      expect(() => readExplainQuery(query as Record<string, string>)).toThrow(RequestError);
      expect(() => readExplainQuery(query as Record<string, string>)).toThrow(/expected|there are/);
    },
  );
});

describe("readSessionQuery", () => {
  it("takes any id, also those that no path can hold", () => {
    for (const id of ["..", ".", "a/b", "%2e"]) expect(readSessionQuery({ id })).toEqual({ sessionId: id });
  });

  it.each([{}, { id: "" }, { id: "a", limit: "1" }])("refuses %o and says what to write", (query) => {
    expect(() => readSessionQuery(query as Record<string, string>)).toThrow(/expected|there are/);
  });
});

describe("readTraceId", () => {
  it("takes 32 hexadecimal digits, in either case", () => {
    expect(readTraceId("4BF92F3577B34DA6A3CE929D0E0E4736")).toBe("4bf92f3577b34da6a3ce929d0e0e4736");
  });

  it.each(["", "4bf9", "g".repeat(32), "0".repeat(33)])("refuses %j", (value) => {
    expect(() => readTraceId(value)).toThrow(RequestError);
  });
});
