import { setTimeout as sleep } from "node:timers/promises";
import type { Lease, Leases } from "@es/processing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { hostileIds } from "../hostileIds.js";

export interface LeasesHarness {
  /** What one more process would use to reach the same leases; in one process the same object. */
  connect(): Leases;
  /** Closes all that was connected. */
  tearDown(): Promise<void>;
}

export interface LeasesContract {
  /** Names the implementation in the test report. */
  readonly name: string;
  setUp(): Promise<LeasesHarness>;
}

const LONG_MS = 600_000;
const waiting = { timeout: 20_000, interval: 5 };

/** Tests every promise of `Leases`. Call it at the top of a test file, once per implementation. */
export function leasesContract(contract: LeasesContract): void {
  describe(`${contract.name} keeps the promises of Leases`, () => {
    let harness: LeasesHarness;
    let one: Leases;
    let other: Leases;

    beforeEach(async () => {
      harness = await contract.setUp();
      one = harness.connect();
      other = harness.connect();
    });
    afterEach(() => harness.tearDown());

    async function held(leases: Leases, name: string, durationMs = LONG_MS): Promise<Lease> {
      const lease = await leases.acquire(name, durationMs);
      if (lease === null) throw new Error(`${name} is held by somebody else`);
      return lease;
    }

    it("gives a name to one of all who ask at once", async () => {
      const asked = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? one : other).acquire("a", LONG_MS));
      const got = (await Promise.all(asked)).filter((lease) => lease !== null);
      expect(got.map(({ name }) => name)).toEqual(["a"]);
      expect(await other.acquire("a", LONG_MS)).toBeNull();
    });

    it("gives it to the next once it is released", async () => {
      await (await held(one, "a")).release();
      await (await held(other, "a")).release();
      await held(one, "a");
    });

    it("gives it to the next once its time is over", async () => {
      const lost = await held(one, "a", 1);
      let next: Lease | null = null;
      await vi.waitFor(async () => {
        next = await other.acquire("a", LONG_MS);
        expect(next).not.toBeNull();
      }, waiting);
      expect(await lost.renew(LONG_MS)).toBe(false);
      await lost.release();
      expect(await one.acquire("a", LONG_MS)).toBeNull();
      expect(await (next as Lease | null)?.renew(LONG_MS)).toBe(true);
    });

    it("cannot be renewed once its time is over, taken or not", async () => {
      const lease = await held(one, "a", 1);
      await sleep(50);
      expect(await lease.renew(LONG_MS)).toBe(false);
      await held(other, "a");
    });

    it("lasts as long as it was renewed for", async () => {
      // A busy machine may be late for a renewal; then there is nothing to see, and it tries again.
      await vi.waitFor(async () => {
        const lease = await held(one, "a", 200);
        const renewed = await lease.renew(LONG_MS);
        if (!renewed) throw new Error("late");
        await sleep(400);
        expect(await other.acquire("a", LONG_MS)).toBeNull();
        await lease.release();
      }, waiting);
      await held(other, "a");
    });

    it("can be cut short by a renewal", async () => {
      expect(await (await held(one, "a")).renew(1)).toBe(true);
      await vi.waitFor(() => held(other, "a"), waiting);
    });

    it("does not care for a second release", async () => {
      const lease = await held(one, "a");
      await lease.release();
      await held(other, "a");
      await lease.release();
      expect(await one.acquire("a", LONG_MS)).toBeNull();
    });

    it("keeps names apart, whatever they hold", async () => {
      const leases = await Promise.all(hostileIds.map((name) => held(one, name)));
      for (const name of hostileIds) expect(await other.acquire(name, LONG_MS)).toBeNull();
      await Promise.all(leases.map((lease) => lease.release()));
      for (const name of hostileIds) await held(other, name);
    });

    it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
      "refuses a duration of %d",
      async (durationMs) => {
        const refusal = expect.objectContaining({ code: "INVALID_OPTIONS" });
        await expect(one.acquire("a", durationMs)).rejects.toEqual(refusal);
        await expect((await held(one, "a")).renew(durationMs)).rejects.toEqual(refusal);
      },
    );

    it("says CLOSED once it is closed", async () => {
      const lease = await held(one, "a");
      await one.close();
      const closed = expect.objectContaining({ code: "CLOSED" });
      await expect(one.acquire("b", LONG_MS)).rejects.toEqual(closed);
      await expect(lease.renew(LONG_MS)).rejects.toEqual(closed);
    });
  });
}
