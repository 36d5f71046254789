import { describe, expect, it } from "vitest";
import { createLogger } from "./logger.js";

describe("createLogger", () => {
  it("takes its level from LOG_LEVEL, else from the service", () => {
    expect(createLogger({ name: "test", environment: { LOG_LEVEL: "debug" } }).level).toBe("debug");
    expect(createLogger({ name: "test", environment: {}, defaultLevel: "warn" }).level).toBe("warn");
  });

  it("refuses a level there is not", () => {
    expect(() => createLogger({ name: "test", environment: { LOG_LEVEL: "loud" } })).toThrow(
      expect.objectContaining({
        code: "CONFIGURATION_INVALID",
        message: expect.stringContaining('LOG_LEVEL is "loud"'),
      }),
    );
  });
});
