import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { createLogger } from "./logger.js";

describe("createLogger", () => {
  it("takes its level from LOG_LEVEL, else from the app", () => {
    expect(createLogger({ name: "test", environment: { LOG_LEVEL: "debug" } }).level).toBe("debug");
    expect(createLogger({ name: "test", environment: {}, defaultLevel: "warn" }).level).toBe("warn");
  });

  it("counts equal warnings of a process, and writes what is left of them when it ends", async () => {
    const lines = await linesOf(`
      const logger = createLogger({ name: "test" });
      for (let i = 0; i < 5_000; i++) {
        logger.warn({ error: new Error("no answer within " + i + " ms") }, "Redis does not answer");
        logger.error("A request failed");
        logger.info("Served");
      }
      process.exit(0);`);
    const warnings = lines.filter(({ level }) => level !== "info");
    expect(lines.length - warnings.length).toBe(5_000);
    expect(warnings).toEqual([
      expect.objectContaining({ level: "warn", msg: "Redis does not answer" }),
      expect.objectContaining({ level: "error", msg: "A request failed" }),
      expect.objectContaining({
        level: "warn",
        msg: "Redis does not answer",
        error: expect.objectContaining({ message: "no answer within 4999 ms" }),
        repeated: 4_998,
      }),
      expect.objectContaining({ level: "error", msg: "A request failed", repeated: 4_998 }),
    ]);
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

/** Runs a program on this package and gives the lines of its log. */
async function linesOf(program: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const index = new URL("../dist/index.js", import.meta.url).href;
  const { stderr } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", `import { createLogger } from ${JSON.stringify(index)};${program}`],
    { maxBuffer: 10_000_000 },
  );
  return stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}
