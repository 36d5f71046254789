import { EventSourcingError } from "@es/core";
import { warningListener } from "@es/core/adapter";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { EngineProbe } from "./engine/engineAvailability.js";
import { watchGenerations } from "./generations/watchGenerations.js";
import type { LagSource } from "./reconcile/lagSource.js";
import { startReconciler } from "./reconcile/reconciler.js";
import { startReplayRunner } from "./replay/replayRunner.js";

const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
  warn.mockClear();
});

it("warns once a minute of each message, with how often it came in between", () => {
  const listen = warningListener("Listener");
  for (let i = 0; i < 1_000; i++) {
    listen(new EventSourcingError("QUEUE_UNAVAILABLE", "Redis cannot be reached."));
    listen("another");
  }
  expect(warn.mock.calls).toEqual([
    ["Redis cannot be reached.", { type: "Listener", code: "QUEUE_UNAVAILABLE" }],
    ["another", { type: "Listener" }],
  ]);
  vi.advanceTimersByTime(60_000);
  listen("another");
  expect(warn).toHaveBeenLastCalledWith("another (999 times more)", { type: "Listener" });
});

it("forgets messages that are different each time", () => {
  const listen = warningListener("Listener");
  for (let i = 0; i < 10_000; i++) listen(`trace ${i}`);
  warn.mockClear();
  listen("trace 0");
  listen("trace 9999");
  expect(warn.mock.calls.map(([message]) => message)).toEqual(["trace 0"]);
});

it("is what works in the background falls back to: nothing that fails without a caller is silent", async () => {
  const failing = async (): Promise<never> => {
    throw new EventSourcingError("STORE_UNAVAILABLE", "The store is down.");
  };
  const reconciler = startReconciler({
    source: { listLagging: failing } as LagSource,
    queue: { schedule: failing },
    intervalMs: 0,
  });
  await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(1), { timeout: 20_000 });
  await reconciler.stop();
  const runner = startReplayRunner({
    store: { listOpenReplayIds: failing } as unknown as Parameters<typeof startReplayRunner>[0]["store"],
    source: {} as Parameters<typeof startReplayRunner>[0]["source"],
    service: {} as Parameters<typeof startReplayRunner>[0]["service"],
    leases: { acquire: failing },
  });
  await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(2), { timeout: 20_000 });
  await runner.stop();
  let probes = 0;
  const probe = new EngineProbe({
    probe: () => (probes++ === 0 ? failing() : Promise.resolve()),
    firstDelayMs: 0,
  });
  await probe.untilAvailable();
  let reads = 0;
  const set = {} as Awaited<ReturnType<ReturnType<typeof watchGenerations>["current"]>>;
  const view = watchGenerations(
    { read: () => (reads++ === 0 ? Promise.resolve(set) : failing()) },
    { maxAgeMs: 0 },
  );
  await view.current();
  expect(await view.current()).toBe(set);
  expect(warn.mock.calls.map(([message, options]) => [message, (options as { type: string }).type])).toEqual([
    ["The store is down.", "Reconciler"],
    ["The store is down.", "startReplayRunner"],
    ["The store is down.", "EngineProbe"],
    ["The store is down.", "watchGenerations"],
  ]);
});
