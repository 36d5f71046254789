import { describe, expect, it } from "vitest";
import { isTenantId, MAX_TENANT_ID_LENGTH, parseTenantId } from "./tenantId.js";

describe("parseTenantId", () => {
  it.each(["default", "a:b", "a/b", "50%", "o'brien", "🦊", "名前", " ", "x".repeat(MAX_TENANT_ID_LENGTH)])(
    "accepts %j unchanged",
    (value) => {
      expect(parseTenantId(value)).toBe(value);
      expect(isTenantId(value)).toBe(true);
    },
  );

  it.each([
    ["", "must not be empty"],
    ["x".repeat(MAX_TENANT_ID_LENGTH + 1), "at most 256 fit"],
    ["a\0b", "control characters"],
    ["a\nb", "control characters"],
    ["a\ud800", "lone surrogate"],
  ])("refuses %j", (value, reason) => {
    expect(isTenantId(value)).toBe(false);
    expect(() => parseTenantId(value)).toThrow(
      expect.objectContaining({ code: "INVALID_TENANT_ID", message: expect.stringContaining(reason) }),
    );
  });
});
