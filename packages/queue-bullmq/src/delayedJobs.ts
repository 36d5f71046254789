import { Job, type MinimalQueue } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import { LuaScript } from "./luaScript.js";
import type { ProjectionJobData } from "./projectionJob.js";
import type { RedisGate } from "./redisGate.js";

export interface DelayedJobsOptions {
  readonly redis: Redis | Cluster;
  /** Whose jobs these are. */
  readonly queue: MinimalQueue;
  readonly prefix: string;
  readonly queueName: string;
  /** Nothing is looked at while Redis is not well. */
  readonly gate: Pick<RedisGate, "isOpen" | "noteFailure">;
  readonly onError: (error: unknown) => void;
}

/** Between two looks, milliseconds. */
const INTERVAL_MS = 1_000;
/** What clocks and busy workers may be late by without anything being wrong. */
const SLACK_MS = 1_000;
/** Jobs looked at in one look, from either end. */
const LOOK_AT = 500;

/**
 * Ids of the delayed jobs whose time has come by Redis' own clock, and of those that are due later than their whole delay from
 * now: whoever delayed these has a clock that is ahead. BullMQ's scores are milliseconds times 4096.
 */
const misplaced = new LuaScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local slack = tonumber(ARGV[2])
local limit = tonumber(ARGV[3])
local offset = tonumber(ARGV[4])
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', (now - slack) * 4096, 'LIMIT', 0, limit)
local later = (now + slack) * 4096
local far = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', later, 'WITHSCORES', 'LIMIT', offset, limit)
for i = 1, #far, 2 do
  local delay = tonumber(redis.call('HGET', ARGV[1] .. far[i], 'delay')) or 0
  if tonumber(far[i + 1]) > (now + delay + slack) * 4096 then table.insert(ids, far[i]) end
end
local rest = redis.call('ZCOUNT', KEYS[1], later, '+inf') - offset - limit
return { rest > 0 and offset + limit or 0, ids }`);

/**
 * Keeps clocks from deciding when a job runs. BullMQ computes a delayed job's time with the clock of whoever adds or retries it,
 * and looks at the clock of whoever fetches it: a machine that is an hour ahead would put its traces off by an hour, and all
 * later schedule calls of them with it; one that is an hour behind would find every job an hour late.
 */
export class DelayedJobs {
  readonly #options: DelayedJobsOptions;
  readonly #timer: NodeJS.Timeout;
  #looking = false;
  #offset = 0;

  constructor(options: DelayedJobsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#look(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    // A look may wait for a Redis that is down.
    if (this.#looking || !this.#options.gate.isOpen) return;
    this.#looking = true;
    try {
      await this.#promoteMisplaced();
    } catch (error) {
      this.#options.gate.noteFailure(error);
      this.#options.onError(error);
    } finally {
      this.#looking = false;
    }
  }

  async #promoteMisplaced(): Promise<void> {
    const { redis, queue, prefix, queueName } = this.#options;
    const jobs = `${prefix}:${queueName}:`;
    const [offset, ids] = (await misplaced.run(
      redis,
      [`${jobs}delayed`],
      [jobs, SLACK_MS, LOOK_AT, this.#offset],
    )) as [number, string[]];
    this.#offset = offset;
    for (const id of ids) {
      const job = await Job.fromId<ProjectionJobData>(queue, id);
      // Somebody else may have been faster.
      await job?.promote().catch(() => undefined);
    }
  }
}
