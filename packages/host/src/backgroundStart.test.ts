import { describe, expect, it, vi } from "vitest";
import { startInBackground } from "./backgroundStart.js";
import { createLogger } from "./logger.js";

const logger = createLogger({ name: "test", environment: { LOG_LEVEL: "silent" } });
const down = Object.assign(new Error("connect ECONNREFUSED"), { transient: true });
const wrong = new Error("wrong password");
const start = (task: () => Promise<void>) =>
  startInBackground(task, {
    name: "reach the engine",
    isTransient: (error) => error instanceof Error && "transient" in error,
    logger,
  });

describe("startInBackground", () => {
  it("tries until the engine is there, and says meanwhile why not", async () => {
    let tries = 0;
    const background = start(async () => {
      if (++tries < 3) throw down;
    });
    await vi.waitFor(() => expect(background.state()).toEqual({ done: false, error: down }));
    await background.finished;
    expect(tries).toBe(3);
    expect(background.state()).toEqual({ done: true });
  });

  it("gives up on what waiting does not mend", async () => {
    const background = start(async () => {
      throw wrong;
    });
    await expect(background.finished).rejects.toBe(wrong);
    expect(background.state()).toEqual({ done: false, error: wrong });
  });

  it("stops when told to", async () => {
    const background = start(async () => {
      throw down;
    });
    background.stop();
    await expect(background.finished).rejects.toThrow();
  });
});
