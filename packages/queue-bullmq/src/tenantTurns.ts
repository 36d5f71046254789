import type { TenantId } from "@es/core";
import type { Cluster, Redis } from "ioredis";
import { LuaScript } from "./luaScript.js";

/*
 * Start-time fair queueing (Goyal, Vin, Cheng 1996) between tenants, on BullMQ's priorities.
 *
 * The queue has a clock that counts rounds. A job is tagged with the round it is due in: the current one, or the one after
 * that of the tenant's newest job, if that is later. The lowest tag runs first, and the clock is the highest tag that
 * started. So a tenant that has nothing waiting is due now, one with a backlog once per round, and nobody's tag ever
 * rises: everybody's turn comes. No rate has to be known or guessed, and no wall clock is read.
 *
 * Tags are priorities, which end at 2^21 - 1. They count from the beginning of an era of ERA rounds, and may lie up to
 * HORIZON rounds ahead. What is left from the era before has tags that are too high to be of this one; it is moved to
 * where it belongs, some of it with each call. (A job that was delayed for longer than half an era of busy rounds may be
 * taken for one of this era. It then starts when its tag comes.)
 */

const ERA = 2 ** 20;
const HORIZON = 2 ** 19;
/** Of a queue that nobody schedules on. */
const FORGET_SECONDS = 86_400;

/** What both scripts begin with. KEYS: 1 clock, 2 next round of each tenant. */
const readClock = `
local ERA, HORIZON = ${ERA}, ${HORIZON}
local round = tonumber(redis.call('GET', KEYS[1]) or '0')
local eraBegan = round - round % ERA
local function text(number) return string.format('%.0f', number) end`;

/**
 * KEYS 3: BullMQ's waiting jobs, scored priority * 2^32 + counter. ARGV: prefix of the queue's keys, then tenant and
 * deduplication id of each ref. A ref costs its tenant a turn only if this call makes a run of it, not if it joins one. To
 * joining the run that follows an active one, the newest call brings the tag: that of the tenant's newest job.
 *
 * A job that nobody waits for, runs or will find is no run to join, though BullMQ takes it for one for ever: what is left of a
 * script that Redis ended half way, for a command of it was forbidden. It is removed.
 */
const takeTurns = new LuaScript(`${readClock}
local PRIORITY = 4294967296
local tooHigh = '(' .. text((round - eraBegan + HORIZON + 2) * PRIORITY)
local left = redis.call('ZRANGEBYSCORE', KEYS[3], tooHigh, '+inf', 'WITHSCORES', 'LIMIT', 0, 500)
for index = 1, #left, 2 do
  redis.call('ZADD', KEYS[3], text(tonumber(left[index + 1]) - ERA * PRIORITY), left[index])
end

local function joins(id)
  local jobId = redis.call('GET', ARGV[1] .. 'de:' .. id)
  if not jobId or redis.call('EXISTS', ARGV[1] .. jobId) == 0 then return false end
  if redis.call('EXISTS', ARGV[1] .. jobId .. ':lock') == 1 then
    return redis.call('EXISTS', ARGV[1] .. 'dn:' .. id) == 1
  end
  for _, set in ipairs({ 'delayed', 'prioritized' }) do
    if redis.call('ZSCORE', ARGV[1] .. set, jobId) then return true end
  end
  for _, list in ipairs({ 'wait', 'active', 'paused' }) do
    if redis.call('LPOS', ARGV[1] .. list, jobId) then return true end
  end
  redis.call('DEL', ARGV[1] .. 'de:' .. id, ARGV[1] .. 'dn:' .. id, ARGV[1] .. jobId)
  return false
end

local next, changed, priorities = {}, {}, {}
for index = 2, #ARGV, 2 do
  local tenant = ARGV[index]
  if not next[tenant] then
    next[tenant] = math.max(round, tonumber(redis.call('ZSCORE', KEYS[2], tenant) or '0'))
  end
  local due
  if joins(ARGV[index + 1]) then
    due = math.max(round, next[tenant] - 1)
  else
    due = math.min(next[tenant], round + HORIZON)
    next[tenant] = due + 1
    changed[tenant] = true
  end
  priorities[#priorities + 1] = due - eraBegan + 1
end
for tenant in pairs(changed) do redis.call('ZADD', KEYS[2], text(next[tenant]), tenant) end
redis.call('EXPIRE', KEYS[2], ${FORGET_SECONDS})
return priorities`);

/** ARGV: the highest priority that started. Tenants without a turn ahead of the clock are forgotten: theirs is now. */
const advance = new LuaScript(`${readClock}
local started = eraBegan + tonumber(ARGV[1]) - 1
if started > round + HORIZON then started = started - ERA end
if started > round then
  redis.call('SET', KEYS[1], text(started))
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(started))
end
return 1`);

/** Most refs in one script: Redis does nothing else meanwhile. */
const MAX_REFS = 500;

export interface TurnRequest {
  readonly tenantId: TenantId;
  readonly deduplicationId: string;
}

/** Whose turn it is, for all producers and workers of one queue. */
export class TenantTurns {
  readonly #redis: Redis | Cluster;
  readonly #keys: readonly string[];
  readonly #prefix: string;

  constructor(redis: Redis | Cluster, prefix: string, queueName: string) {
    this.#redis = redis;
    this.#prefix = `${prefix}:${queueName}:`;
    this.#keys = ["turns:clock", "turns:next", "prioritized"].map((key) => `${this.#prefix}${key}`);
  }

  /** The priority for a job of each ref, in their order. */
  async take(requests: readonly TurnRequest[]): Promise<readonly number[]> {
    const priorities: number[] = [];
    for (let from = 0; from < requests.length; from += MAX_REFS) {
      const refs = requests
        .slice(from, from + MAX_REFS)
        .flatMap(({ tenantId, deduplicationId }) => [tenantId, deduplicationId]);
      const some = await takeTurns.run(this.#redis, this.#keys, [this.#prefix, ...refs]);
      priorities.push(...(some as number[]));
    }
    return priorities;
  }

  /** A job of this priority started, and none of a higher one since the last call. */
  async advance(priority: number): Promise<void> {
    await advance.run(this.#redis, this.#keys.slice(0, 2), [priority]);
  }
}

/** Between two reports of one worker. What starts in between may let a tenant that returns be early by as much. */
const REPORT_INTERVAL_MS = 50;

/** Tells the clock what starts, a few times a second at most. */
export class TurnReporter {
  readonly #turns: Pick<TenantTurns, "advance">;
  readonly #onError: (error: unknown) => void;
  #highest = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(turns: Pick<TenantTurns, "advance">, onError: (error: unknown) => void) {
    this.#turns = turns;
    this.#onError = onError;
  }

  started(priority: number): void {
    // Without a priority: scheduled without fairness.
    if (!(priority > 0)) return;
    this.#highest = Math.max(this.#highest, priority);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const highest = this.#highest;
      this.#highest = 0;
      this.#turns.advance(highest).catch(this.#onError);
    }, REPORT_INTERVAL_MS).unref();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
