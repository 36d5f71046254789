import { describe, expect, it, vi } from "vitest";
import type { Lease, Leases } from "./leases.js";
import { withLease } from "./withLease.js";

/** Leases that do as they are told. */
function leasesThat(does: Partial<Lease> & { readonly refuses?: boolean }) {
  const calls: string[] = [];
  const leases: Pick<Leases, "acquire"> = {
    async acquire(name, durationMs) {
      calls.push(`acquire ${name} ${durationMs}`);
      if (does.refuses === true) return null;
      return {
        name,
        renew: async (ms) => {
          calls.push(`renew ${ms}`);
          return does.renew?.(ms) ?? true;
        },
        release: async () => {
          calls.push("release");
          await does.release?.();
        },
      };
    },
  };
  return { leases, calls };
}

/** Ends when it is told to stop, with why. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) => signal.addEventListener("abort", () => resolve(signal.reason)));

describe("withLease", () => {
  it("does the work and releases", async () => {
    const { leases, calls } = leasesThat({});
    const done = await withLease(leases, "look", async () => 7, { durationMs: 60_000 });
    expect(done).toEqual({ held: true, value: 7 });
    expect(calls).toEqual(["acquire look 60000", "release"]);
  });

  it("does nothing while somebody else holds it", async () => {
    const { leases } = leasesThat({ refuses: true });
    const work = vi.fn(async () => 7);
    expect(await withLease(leases, "look", work)).toEqual({ held: false });
    expect(work).not.toHaveBeenCalled();
  });

  it("renews for as long as the work takes", async () => {
    const { leases, calls } = leasesThat({});
    await withLease(
      leases,
      "look",
      () =>
        vi.waitFor(
          () => expect(calls.filter((call) => call === "renew 3000").length).toBeGreaterThan(1),
          20_000,
        ),
      { durationMs: 3_000 },
    );
    expect(calls.at(-1)).toBe("release");
  });

  it("tells the work when the lease is lost", async () => {
    const { leases } = leasesThat({ renew: async () => false });
    const done = await withLease(leases, "look", untilAborted, { durationMs: 10 });
    expect(done).toMatchObject({ value: { code: "ABORTED", message: expect.stringContaining("look") } });
  });

  it("tells the work once no renewal succeeded for the lease's time", async () => {
    const renew = vi.fn(async () => {
      throw new Error("away");
    });
    const { leases } = leasesThat({ renew });
    const done = await withLease(leases, "look", untilAborted, { durationMs: 50 });
    expect(done).toMatchObject({ value: { code: "ABORTED" } });
    expect(renew).toHaveBeenCalled();
  });

  it("passes the caller's signal on", async () => {
    const { leases, calls } = leasesThat({});
    const caller = new AbortController();
    const reason = new Error("enough");
    const done = withLease(leases, "look", untilAborted, { signal: caller.signal });
    await vi.waitFor(() => expect(calls).toHaveLength(1));
    caller.abort(reason);
    expect(await done).toEqual({ held: true, value: reason });
  });

  it("releases when the work fails, and a release that fails changes nothing", async () => {
    const { leases, calls } = leasesThat({
      release: async () => {
        throw new Error("away");
      },
    });
    const failing = withLease(leases, "look", async () => {
      throw new Error("work failed");
    });
    await expect(failing).rejects.toThrow("work failed");
    expect(calls.at(-1)).toBe("release");
  });

  it("keeps the lease after the work is done for as long as it is told to", async () => {
    const { leases, calls } = leasesThat({});
    await withLease(leases, "look", async () => 7, { keepForMs: 600_000 });
    expect(calls.at(-1)).toMatch(/^renew (5\d{5}|600000)$/);
  });

  it.each(["fails", "is told to stop"])("keeps it no longer when the work %s", async (end) => {
    const { leases, calls } = leasesThat({});
    const caller = new AbortController();
    const work = async () => {
      if (end === "fails") throw new Error("work failed");
      caller.abort();
    };
    await withLease(leases, "look", work, { keepForMs: 600_000, signal: caller.signal }).catch(
      () => undefined,
    );
    expect(calls).toEqual(["acquire look 30000", "release"]);
  });

  it("rejects as acquire does", async () => {
    const failing = withLease({ acquire: () => Promise.reject(new Error("away")) }, "look", async () => 7);
    await expect(failing).rejects.toThrow("away");
  });
});
