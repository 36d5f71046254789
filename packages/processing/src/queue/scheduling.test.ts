import type { AggregateRef, TenantId } from "@es/core";
import { describe, expect, it } from "vitest";
import { assertSchedulable } from "./scheduling.js";

const ref = (tenantId: string, aggregateId: string): AggregateRef => ({
  tenantId: tenantId as TenantId,
  aggregateId,
});

describe("assertSchedulable", () => {
  it("lets every valid ref pass, whatever it holds", () => {
    expect(() => assertSchedulable([ref("a:b", "c"), ref("a", "b:c\0'%/")], 0)).not.toThrow();
  });

  it.each([ref("", "a"), ref("a\0", "a"), ref("a", ""), ref("a", "\ud800")])(
    "refuses %o and says why",
    (wrong) => {
      expect(() => assertSchedulable([ref("a", "b"), wrong], 0)).toThrow(
        expect.objectContaining({
          code: "QUEUE_REJECTED",
          message: expect.stringMatching(/^A ref cannot be scheduled: /),
        }),
      );
    },
  );

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("refuses a delay of %d", (delayMs) => {
    expect(() => assertSchedulable([ref("a", "b")], delayMs)).toThrow(
      expect.objectContaining({ code: "QUEUE_REJECTED", message: expect.stringContaining(`got ${delayMs}`) }),
    );
  });
});
