import { describe, expect, it, vi } from "vitest";
import { EngineProbe } from "./engineAvailability.js";

const waiting = { timeout: 20_000, interval: 1 };

/** An engine that is well, away, or does not answer. */
class TestEngine {
  state: "well" | "away" | "hanging" = "well";
  probes = 0;
  underWay = 0;
  mostUnderWay = 0;

  readonly probe = async () => {
    this.probes++;
    this.underWay++;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    await new Promise(setImmediate);
    this.underWay--;
    if (this.state === "away") throw new Error("connection refused");
    if (this.state === "hanging") await new Promise(() => undefined);
  };
}

describe("EngineProbe", () => {
  it("says at once that the engine is well", async () => {
    const engine = new TestEngine();
    expect(await new EngineProbe({ probe: engine.probe }).untilAvailable()).toEqual({ wasAway: false });
    expect(engine.probes).toBe(1);
  });

  it("makes one probe for all who wait, and tells once that it went and came", async () => {
    const engine = new TestEngine();
    engine.state = "away";
    const [onAway, onBack] = [vi.fn(), vi.fn()];
    const probe = new EngineProbe({
      probe: engine.probe,
      firstDelayMs: 1,
      longestDelayMs: 4,
      onAway,
      onBack,
    });
    const all = Array.from({ length: 100 }, () => probe.untilAvailable());
    await vi.waitFor(() => expect(engine.probes).toBeGreaterThan(5), waiting);
    expect(onBack).not.toHaveBeenCalled();
    engine.state = "well";
    expect(new Set((await Promise.all(all)).map(({ wasAway }) => wasAway))).toEqual(new Set([true]));
    expect(engine.mostUnderWay).toBe(1);
    expect([onAway.mock.calls.length, onBack.mock.calls.length]).toEqual([1, 1]);
    const { probes } = engine;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(engine.probes).toBe(probes);
  });

  it("takes an engine that does not answer as away", async () => {
    const engine = new TestEngine();
    engine.state = "hanging";
    const onAway = vi.fn();
    const probe = new EngineProbe({ probe: engine.probe, timeoutMs: 5, firstDelayMs: 1, onAway });
    const back = probe.untilAvailable();
    await vi.waitFor(() => expect(onAway).toHaveBeenCalled(), waiting);
    expect(String(onAway.mock.calls[0]?.[0])).toContain("no answer within 5 ms");
    engine.state = "well";
    expect(await back).toEqual({ wasAway: true });
  });

  it("does not trust a probe that began before somebody asked", async () => {
    const engine = new TestEngine();
    const probe = new EngineProbe({ probe: engine.probe, firstDelayMs: 1 });
    const first = probe.untilAvailable();
    const second = probe.untilAvailable();
    expect(engine.probes).toBe(1);
    await Promise.all([first, second]);
    expect(engine.probes).toBe(2);
  });

  it("lets go of who does not want to wait any more, and stops when nobody does", async () => {
    const engine = new TestEngine();
    engine.state = "away";
    const probe = new EngineProbe({ probe: engine.probe, firstDelayMs: 60_000, longestDelayMs: 60_000 });
    const [one, other] = [new AbortController(), new AbortController()];
    const reason = new Error("the worker closes");
    const waits = [probe.untilAvailable(one.signal), probe.untilAvailable(other.signal)];
    const settled = Promise.allSettled(waits);
    await vi.waitFor(() => expect(engine.probes).toBe(1), waiting);
    one.abort(reason);
    other.abort(reason);
    expect(await settled).toEqual([
      { status: "rejected", reason },
      { status: "rejected", reason },
    ]);
    await expect(probe.untilAvailable(one.signal)).rejects.toBe(reason);
    // It begins anew for the next.
    engine.state = "well";
    await vi.waitFor(async () => expect(await probe.untilAvailable()).toBeDefined(), waiting);
  });
});
