import { EventSourcingError } from "@es/core";
import { describe, expect, it } from "vitest";
import { describeFailure } from "./deadLetterReason.js";

describe("describeFailure", () => {
  it.each([
    [new EventSourcingError("STORE_UNAVAILABLE", "no answer"), "transient", "STORE_UNAVAILABLE", "no answer"],
    [new TypeError("x is undefined"), "poison", "TypeError", "x is undefined"],
    ["just text", "poison", "string", "just text"],
    [undefined, "poison", "undefined", "undefined"],
  ])("describes %s", (error, errorClass, code, reason) => {
    expect(describeFailure(error)).toEqual({ errorClass, code, reason, eventCount: null });
  });

  it("takes the number of events from the error, if it is one", () => {
    const eventCountOf = (eventCount: string | number) =>
      describeFailure(new EventSourcingError("HANDLER_FAILED", "no", { fields: { eventCount } })).eventCount;
    expect(eventCountOf(0)).toBe(0);
    expect(eventCountOf(7)).toBe(7);
    expect(eventCountOf("7")).toBeNull();
  });

  it("cuts a long message and says by how much, without splitting a character", () => {
    const { reason } = describeFailure(new Error(`${"x".repeat(1_999)}🦊${"y".repeat(100)}`));
    expect(reason).toHaveLength(2_000 + "… (101 more characters)".length);
    expect(reason.isWellFormed()).toBe(true);
    expect(reason).toMatch(/… \(101 more characters\)$/);
  });
});
