import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { EventSourcingError } from "@es/core";
import { warningListener, wholeNumber } from "@es/core/adapter";
import type { Lease, Leases } from "@es/processing";
import type { Cluster, Redis } from "ioredis";
import { within } from "./deadline.js";
import { LuaScript } from "./luaScript.js";
import { parsePrefix } from "./projectionJob.js";
import { asQueueError, type ErrorListener, unavailable, whyDown } from "./queueErrors.js";
import { connectProducer, isReady, type RedisConnection, withReason } from "./redisConnection.js";
import { probeLeases } from "./redisProbe.js";

export interface LeasesRedisOptions {
  readonly connection: RedisConnection;
  /** Of every key. The same for all who share the leases. @default "{es}" */
  readonly prefix?: string;
  /** How long a call may take, milliseconds. @default 2000 */
  readonly timeoutMs?: number;
  /** Gets lost connections. @default a warning of the process, each once a minute */
  readonly onError?: ErrorListener;
}

const renew = new LuaScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

const release = new LuaScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

/**
 * The `Leases` port in one Redis: a key with a random token and a time to live. A Redis that loses its data, or fails over
 * to a replica that is behind, forgets leases; see the port for what that means.
 *
 * While Redis is down calls reject with `QUEUE_UNAVAILABLE`; once it is back they work again.
 */
export class LeasesRedis implements Leases {
  readonly #redis: Redis | Cluster;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  /** Why Redis is down, as far as we know it is. */
  #down: Error | null = null;
  #readying: Promise<unknown> | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: LeasesRedisOptions) {
    this.#prefix = `${parsePrefix(options.prefix)}:lease:`;
    const onError = options.onError ?? warningListener("LeasesRedis");
    this.#timeoutMs = wholeNumber("timeoutMs", options.timeoutMs ?? 2_000, 1);
    this.#redis = connectProducer(options.connection);
    this.#redis.on("ready", () => {
      this.#down = null;
    });
    this.#redis.on("error", (error: Error) => {
      this.#down = whyDown(this.#down, error);
      onError(asQueueError(error));
    });
  }

  async acquire(name: string, durationMs: number): Promise<Lease | null> {
    wholeNumber("durationMs", durationMs, 1);
    const key = this.#prefix + name;
    const token = randomUUID();
    let isGivenUp = false;
    const asked = this.#call(async (redis) => {
      const taken = await redis.set(key, token, "PX", durationMs, "NX");
      // Redis carries out what it did not answer in time: a lease that nobody knows of would keep everybody out.
      if (taken === "OK" && isGivenUp) await release.run(redis, [key], [token]);
      return taken;
    });
    const answer = await asked.catch((error: unknown) => {
      isGivenUp = true;
      throw error;
    });
    if (answer !== "OK") return null;
    return {
      name,
      renew: async (ms) => {
        wholeNumber("durationMs", ms, 1);
        return (await this.#call((redis) => renew.run(redis, [key], [token, ms]))) === 1;
      },
      release: async () => {
        await this.#call((redis) => release.run(redis, [key], [token]));
      },
    };
  }

  /**
   * Resolves if Redis lets this user take, renew and release leases, now.
   *
   * @throws EventSourcingError `QUEUE_UNAVAILABLE` or `QUEUE_REJECTED` with the state Redis is in
   */
  async check(): Promise<void> {
    try {
      await this.#call((redis) => probeLeases(redis, this.#prefix));
    } catch (error) {
      throw await withReason(this.#redis, error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (isReady(this.#redis)) {
      await within(this.#timeoutMs, this.#redis.quit(), () => null).catch(() => null);
    }
    this.#redis.disconnect();
  }

  async #call<T>(work: (redis: Redis | Cluster) => Promise<T>): Promise<T> {
    if (this.#closing !== null) throw new EventSourcingError("CLOSED", "These leases are closed.");
    try {
      return await within(this.#timeoutMs, this.#onceReady(work), () => {
        throw this.#down === null
          ? unavailable(`no answer within ${this.#timeoutMs} ms`)
          : asQueueError(this.#down);
      });
    } catch (error) {
      throw asQueueError(error);
    }
  }

  /** Known to be down fails at once; a connection on its way is waited for, by who brings the patience. */
  async #onceReady<T>(work: (redis: Redis | Cluster) => Promise<T>): Promise<T> {
    if (!isReady(this.#redis)) {
      if (this.#down !== null) throw this.#down;
      // It rejects with the next error, too.
      this.#readying ??= once(this.#redis, "ready").finally(() => {
        this.#readying = null;
      });
      await this.#readying;
    }
    return work(this.#redis);
  }
}
