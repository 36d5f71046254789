import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { classifyError } from "../errors/eventSourcingError.js";
import { inTurns } from "./inTurns.js";

/** Steps of about so many milliseconds. */
function* stepsOf(
  count: number,
  milliseconds: number,
  note: (step: number) => void,
): Generator<void, number> {
  for (let step = 0; step < count; step++) {
    note(step);
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
    yield;
  }
  return count;
}

describe("work in turns", () => {
  it("runs to its end, and lets timers and others go on between its steps", async () => {
    let done = false;
    let ticks = 0;
    const work = inTurns(
      stepsOf(20, 12, () => {}),
      "acme",
      undefined,
    ).finally(() => {
      done = true;
    });
    while (!done) {
      await sleep(1);
      ticks++;
    }
    expect(await work).toBe(20);
    expect(ticks).toBeGreaterThan(5);
  });

  it("gives owners turns one by one, however much work one of them has", async () => {
    const order: string[] = [];
    const many = Array.from({ length: 10 }, (_, i) =>
      inTurns(
        stepsOf(10, 12, () => order.push(`noisy ${i}`)),
        "noisy",
        undefined,
      ),
    );
    await new Promise(setImmediate);
    const before = order.length;
    await inTurns(
      stepsOf(3, 12, () => order.push("quiet")),
      "quiet",
      undefined,
    );
    const between = order.slice(before, order.lastIndexOf("quiet")).filter((name) => name !== "quiet");
    // A step of the noisy owner for each of the quiet one's; not one for each piece of its work.
    expect(between.length).toBeLessThanOrEqual(6);
    await Promise.all(many);
    expect(order.filter((name) => name.startsWith("noisy")).length).toBe(100);
  });

  it("ends between two steps once it is aborted, as something that can be tried again", async () => {
    const abort = new AbortController();
    let steps = 0;
    const work = inTurns(
      stepsOf(1_000, 12, () => {
        if (++steps === 3) abort.abort(new Error("closing"));
      }),
      "acme",
      abort.signal,
    );
    await expect(work).rejects.toMatchObject({ code: "ABORTED", cause: { message: "closing" } });
    expect(steps).toBe(3);
    expect(classifyError(await work.catch((error: unknown) => error))).toBe("transient");
  });

  it("rejects with what a step throws", async () => {
    function* fails(): Generator<void, void> {
      yield;
      throw new RangeError("broken");
    }
    await expect(inTurns(fails(), "acme", undefined)).rejects.toThrow("broken");
  });
});
