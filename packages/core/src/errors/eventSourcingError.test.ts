import { describe, expect, it } from "vitest";
import { classifyError, EventSourcingError, isEventSourcingError } from "./eventSourcingError.js";

describe("EventSourcingError", () => {
  it("carries code, class, cause and fields", () => {
    const cause = new Error("connect ECONNREFUSED");
    const error = new EventSourcingError("STORE_UNAVAILABLE", "ClickHouse does not answer.", {
      cause,
      fields: { table: "events" },
    });
    expect(error).toMatchObject({
      code: "STORE_UNAVAILABLE",
      errorClass: "transient",
      retryable: true,
      cause,
    });
    expect(error.fields).toEqual({ table: "events" });
  });

  it.each([
    ["STORE_OVERLOADED", "transient", true],
    ["STORE_REJECTED", "permanent", false],
    ["HANDLER_FAILED", "poison", false],
    ["EVENT_UNDECODABLE", "poison", false],
    ["AGGREGATE_TOO_LARGE", "poison", false],
  ] as const)("%s is %s", (code, errorClass, retryable) => {
    const error = new EventSourcingError(code, "");
    expect(classifyError(error)).toBe(errorClass);
    expect(error.retryable).toBe(retryable);
  });

  it("guards by code", () => {
    const error: unknown = new EventSourcingError("CLOSED", "");
    expect(isEventSourcingError(error)).toBe(true);
    expect(isEventSourcingError(error, "CLOSED")).toBe(true);
    expect(isEventSourcingError(error, "ABORTED")).toBe(false);
    expect(isEventSourcingError(new Error("CLOSED"))).toBe(false);
    expect(isEventSourcingError("CLOSED")).toBe(false);
  });

  it("takes what it does not know as tied to the work at hand", () => {
    expect(classifyError(new TypeError("x is undefined"))).toBe("poison");
    expect(classifyError(undefined)).toBe("poison");
  });
});
