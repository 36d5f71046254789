import { describe, expect, it } from "vitest";
import { DecodeTurns, type Steps } from "./decodeTurns.js";

/** Steps that take a while each, and say when they are made. */
function* work(name: string, count: number, log: string[], stepMs = 2): Steps<string> {
  for (let i = 0; i < count; i++) {
    const end = performance.now() + stepMs;
    while (performance.now() < end);
    log.push(name);
    yield;
  }
  return name;
}

describe("turns at decoding", () => {
  it("lets other work in between", async () => {
    const turns = new DecodeTurns();
    const log: string[] = [];
    const all = ["a", "b", "c"].map((tenant) => turns.run(tenant, work(tenant, 20, log)));
    let otherTurns = 0;
    const other = setInterval(() => otherTurns++, 0);
    let isDone = false;
    const count = () => {
      otherTurns++;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    expect(await Promise.all(all)).toEqual(["a", "b", "c"]);
    isDone = true;
    clearInterval(other);
    // 60 steps of 2 ms in slices of 5 ms.
    expect(otherTurns).toBeGreaterThan(15);
  });

  it("lets tenants take turns, and decodes the requests of one in their order", async () => {
    const turns = new DecodeTurns();
    const log: string[] = [];
    const noisy = ["first", "second", "third"].map((name) => turns.run("noisy", work(name, 30, log)));
    const quiet = turns.run("quiet", work("quiet", 3, log));
    expect(await quiet).toBe("quiet");
    const servedBy = log.lastIndexOf("quiet");
    expect(log.slice(0, servedBy).filter((name) => name !== "quiet").length).toBeLessThan(12);
    await Promise.all(noisy);
    const ofNoisy = log.filter((name) => name !== "quiet");
    expect(ofNoisy).toEqual(
      [...ofNoisy].sort((a, b) => "fst".indexOf(a[0] ?? "") - "fst".indexOf(b[0] ?? "")),
    );
  });

  it("does small work at once", async () => {
    const turns = new DecodeTurns();
    const log: string[] = [];
    const done = turns.run("a", work("a", 1, log, 0));
    expect(log).toEqual(["a"]);
    expect(await done).toBe("a");
  });

  it("gives a failure to who asked, and goes on", async () => {
    const turns = new DecodeTurns();
    const failing = turns.run(
      "a",
      (function* (): Steps<void> {
        yield;
        throw new RangeError("cannot be read");
      })(),
    );
    const next = turns.run("a", work("next", 2, []));
    await expect(failing).rejects.toThrow("cannot be read");
    expect(await next).toBe("next");
  });
});
