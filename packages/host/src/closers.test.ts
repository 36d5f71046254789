import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Closers } from "./closers.js";

function recorded(options?: ConstructorParameters<typeof Closers>[0]) {
  const closers = new Closers(options);
  const closed: string[] = [];
  const add = (name: string, error?: Error) =>
    closers.add(async () => {
      await sleep(1);
      closed.push(name);
      if (error !== undefined) throw error;
    });
  return { closers, closed, add };
}

describe("Closers", () => {
  it("closes what was opened last first, each after the one before has ended", async () => {
    const { closers, closed, add } = recorded();
    for (const name of ["engine", "store", "server"]) add(name);
    await closers.close();
    expect(closed).toEqual(["server", "store", "engine"]);
  });

  it("closes nothing twice", async () => {
    const { closers, closed, add } = recorded();
    add("engine");
    await Promise.all([closers.close(), closers.close()]);
    await closers.close();
    expect(closed).toEqual(["engine"]);
  });

  it.each([false, true])(
    "closes the others when one fails, and rejects with its error (at once: %s)",
    async (atOnce) => {
      const { closers, closed, add } = recorded({ atOnce });
      add("engine");
      add("store", new Error("the store hangs"));
      closers.add(() => {
        throw new Error("the server is gone");
      });
      add("access");
      await expect(closers.close()).rejects.toMatchObject({
        errors: [{ message: "the server is gone" }, { message: "the store hangs" }],
      });
      expect(closed).toEqual(["access", "store", "engine"]);
      add("one", new Error("the one failure"));
      await expect(closers.close()).rejects.toThrow("the one failure");
    },
  );

  it("closes parts at once where they do not need each other", async () => {
    const closers = new Closers({ atOnce: true });
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    closers.add(open);
    closers.add(() => opened);
    await closers.close();
  });
});
