import { leasesContract } from "@es/testkit";
import { Redis } from "ioredis";
import { describe, expect, it, vi } from "vitest";
import { LeasesRedis } from "../src/index.js";
import { OwnRedis } from "./ownRedis.js";
import { redisUrl, uniquePrefix } from "./redis.js";

const waiting = { timeout: 20_000, interval: 5 };
const LONG_MS = 600_000;

leasesContract({
  name: "LeasesRedis",
  async setUp() {
    const prefix = uniquePrefix();
    const connected: LeasesRedis[] = [];
    return {
      connect() {
        const leases = new LeasesRedis({ connection: redisUrl(), prefix, timeoutMs: 20_000 });
        connected.push(leases);
        return leases;
      },
      async tearDown() {
        await Promise.all(connected.map((leases) => leases.close()));
      },
    };
  },
});

describe("leases and a Redis that comes and goes", () => {
  it("fail with QUEUE_UNAVAILABLE while it is down, and work again when it is back", async () => {
    const redis = await OwnRedis.make();
    const errors: Error[] = [];
    const leases = new LeasesRedis({ connection: redis.url, onError: (error) => errors.push(error) });
    try {
      const unavailable = expect.objectContaining({ code: "QUEUE_UNAVAILABLE", retryable: true });
      await expect(leases.acquire("a", LONG_MS)).rejects.toEqual(unavailable);
      expect(errors).not.toEqual([]);
      await redis.start();
      const lease = await vi.waitFor(() => leases.acquire("a", LONG_MS), waiting);
      await redis.kill();
      await vi.waitFor(() => expect(lease?.renew(LONG_MS)).rejects.toEqual(unavailable), waiting);
      await redis.start();
      // It lost its data, so nobody holds it any more.
      await vi.waitFor(async () => expect(await lease?.renew(LONG_MS)).toBe(false), waiting);
      expect(await leases.acquire("a", LONG_MS)).not.toBeNull();
    } finally {
      await leases.close();
      await redis.dispose();
    }
  });

  it("are not held by a call that was given up before Redis carried it out", async () => {
    const redis = await OwnRedis.make();
    await redis.start();
    const [first, second] = [100, 20_000].map(
      (timeoutMs) => new LeasesRedis({ connection: redis.url, timeoutMs }),
    );
    try {
      await vi.waitFor(() => first?.acquire("a", LONG_MS), waiting);
      redis.freeze();
      await expect(first?.acquire("b", LONG_MS)).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
      redis.thaw();
      await vi.waitFor(async () => expect(await second?.acquire("b", LONG_MS)).not.toBeNull(), waiting);
    } finally {
      await Promise.all([first?.close(), second?.close()]);
      await redis.dispose();
    }
  });

  it("do not wait longer than the timeout for one that does not answer", async () => {
    const redis = await OwnRedis.make();
    await redis.start();
    const leases = new LeasesRedis({ connection: redis.url, timeoutMs: 100 });
    try {
      await vi.waitFor(() => leases.acquire("a", LONG_MS), waiting);
      redis.freeze();
      await expect(leases.acquire("b", LONG_MS)).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
    } finally {
      redis.thaw();
      await leases.close();
      await redis.dispose();
    }
  });

  it("are given to the next after FLUSHALL, and the old holder notices", async () => {
    const redis = await OwnRedis.make();
    await redis.start();
    const [one, other] = [redis.url, redis.url].map((connection) => new LeasesRedis({ connection }));
    const admin = new Redis(redis.url);
    try {
      const lease = await one?.acquire("a", LONG_MS);
      await admin.flushall();
      expect(await other?.acquire("a", LONG_MS)).not.toBeNull();
      expect(await lease?.renew(LONG_MS)).toBe(false);
    } finally {
      admin.disconnect();
      await one?.close();
      await other?.close();
      await redis.dispose();
    }
  });

  it("close without ever having seen it", async () => {
    const redis = await OwnRedis.make();
    const leases = new LeasesRedis({ connection: redis.url });
    await leases.close();
    await redis.dispose();
  });
});
