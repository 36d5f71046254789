import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";
import { LuaScript } from "./luaScript.js";

export interface AbandonedJobsOptions {
  readonly redis: Redis | Cluster;
  /** Of the queue's keys: `{prefix}:{queue}:`. */
  readonly keyPrefix: string;
  /** What the locks of this worker begin with. */
  readonly lockPrefix: () => string;
  /** Whether the worker runs the job. */
  readonly isRunning: (jobId: string) => boolean;
  /** Puts a job whose lock has this value back to where it waits. */
  readonly giveBack: (jobId: string, lock: string) => Promise<unknown>;
  readonly closing: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/** Jobs that are active under locks of this worker or under none. */
const lockedHereOrNowhere = new LuaScript(`
local found = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, 4999)) do
  local lock = redis.call('GET', ARGV[1] .. id .. ':lock') or ''
  if lock == '' or string.sub(lock, 1, #ARGV[2]) == ARGV[2] then
    found[#found + 1] = id
    found[#found + 1] = lock
  end
end
return found`);

/** How long a job that was fetched may take to run. */
const FETCHED_FOR_MS = 1_000;
/** Of the lock under which a job without one is given back. */
const LOCK_MS = 10_000;

/**
 * Gives back the jobs that a refused command left as active: BullMQ fetches a job by a script, and one that Redis ends in the
 * middle has taken the job from where it waited and told nobody. Without this they wait for their locks to end, and then
 * for two looks for stalled jobs.
 */
export class AbandonedJobs {
  readonly #options: AbandonedJobsOptions;
  #looking = false;

  constructor(options: AbandonedJobsOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async giveBack(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const before = await this.#find();
      await sleep(FETCHED_FOR_MS, undefined, { signal: this.#options.closing });
      // Those that are on their way to being run do by now, or have another lock.
      for (const [id, lock] of await this.#find())
        if (before.get(id) === lock) await this.#giveBack(id, lock);
    } catch (error) {
      if (!this.#options.closing.aborted) this.#options.onError(error);
    } finally {
      this.#looking = false;
    }
  }

  async #find(): Promise<ReadonlyMap<string, string>> {
    const { redis, keyPrefix, lockPrefix, isRunning } = this.#options;
    const found = (await lockedHereOrNowhere.run(
      redis,
      [`${keyPrefix}active`],
      [keyPrefix, lockPrefix()],
    )) as string[];
    const jobs = new Map<string, string>();
    for (let at = 0; at < found.length; at += 2) {
      const [id = "", lock = ""] = found.slice(at, at + 2);
      if (!isRunning(id)) jobs.set(id, lock);
    }
    return jobs;
  }

  async #giveBack(id: string, lock: string): Promise<void> {
    const { redis, keyPrefix, lockPrefix, giveBack } = this.#options;
    if (lock !== "") {
      await giveBack(id, lock);
      return;
    }
    // One of all workers that see a job without a lock.
    const claim = `${lockPrefix()}abandoned`;
    const claimed = await redis.set(`${keyPrefix}${id}:lock`, claim, "PX", LOCK_MS, "NX");
    if (claimed === "OK") await giveBack(id, claim);
  }
}
