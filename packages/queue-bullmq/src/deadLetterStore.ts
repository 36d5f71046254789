import { createHash, randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type AggregateRef,
  aggregateRefKey,
  EventSourcingError,
  type Page,
  type PageOptions,
  parseTenantId,
  type TenantId,
} from "@es/core";
import { pageLimit } from "@es/core/adapter";
import type { DeadLetter, DeadLetterReason } from "@es/processing";
import type { Cluster, Redis } from "ioredis";
import { LuaScript } from "./luaScript.js";

/** A dead letter as stored, with what tells it from an older or newer one of the same ref. */
export interface StoredDeadLetter {
  readonly letter: DeadLetter;
  readonly stored: string;
}

interface StoredFields extends DeadLetterReason {
  readonly tenantId: string;
  readonly aggregateId: string;
  readonly attempts: number;
  readonly lastFailedAt: number;
  /** Makes every parking distinct, also two within a millisecond. */
  readonly nonce: string;
}

/** Places of letters that are read together, in the order of their ids. */
interface Asked {
  readonly ids: string[];
  readonly places: Promise<readonly (string | null)[]>;
}

/** Proves that the run is still this worker's: one that was frozen past its lock has been started again elsewhere. */
export interface RunLock {
  /** BullMQ's id of the job. */
  readonly jobId: string;
  readonly token: string;
}

// Places are `{firstFailedAt, 15 digits}:{id}`: their order is the order of the listing, and never changes while the
// letter exists.
const park = new LuaScript(`
if redis.call('GET', KEYS[5]) ~= ARGV[4] then return 0 end
local place = redis.call('HGET', KEYS[1], ARGV[1])
if not place then
  place = ARGV[2]
  redis.call('HSET', KEYS[1], ARGV[1], place)
  redis.call('ZADD', KEYS[3], 0, place)
  redis.call('ZADD', KEYS[4], 0, place)
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1`);

const remove = new LuaScript(`
if KEYS[5] and redis.call('GET', KEYS[5]) ~= ARGV[3] then return 0 end
local stored = redis.call('HGET', KEYS[2], ARGV[1])
if not stored or (ARGV[2] ~= '' and stored ~= ARGV[2]) then return 0 end
local place = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], place)
redis.call('ZREM', KEYS[4], place)
return 1`);

/** The dead letters of one queue in Redis, beside its jobs: at most one per ref, ordered by first failure. */
export class DeadLetterStore {
  readonly #redis: Redis | Cluster;
  readonly #queuePrefix: string;
  readonly #prefix: string;
  /** What is read at the end of this turn. */
  #asked: Asked | null = null;

  constructor(redis: Redis | Cluster, prefix: string, queueName: string) {
    this.#redis = redis;
    this.#queuePrefix = `${prefix}:${queueName}`;
    this.#prefix = `${this.#queuePrefix}:dead`;
  }

  /** Does nothing if the lock is lost: the run was started again, and what becomes of that one counts. */
  async park(
    ref: AggregateRef,
    lock: RunLock,
    failure: DeadLetterReason,
    times: { readonly attempts: number; readonly firstFailedAt: number; readonly lastFailedAt: number },
  ): Promise<void> {
    const id = deadLetterId(ref);
    const fields: StoredFields = {
      ...failure,
      tenantId: ref.tenantId,
      aggregateId: ref.aggregateId,
      attempts: times.attempts,
      lastFailedAt: times.lastFailedAt,
      nonce: randomUUID(),
    };
    const keys = [...this.#keys(ref.tenantId), this.#lockKey(lock)];
    const place = `${sortable(times.firstFailedAt)}:${id}`;
    await park.run(this.#redis, keys, [id, place, JSON.stringify(fields), lock.token]);
  }

  /**
   * Removes the letter of a ref that ran well, unless the lock is lost. Where there is none it costs a share of one small
   * read for all runs that end in one turn of the event loop.
   */
  async heal(ref: AggregateRef, lock: RunLock): Promise<void> {
    const id = deadLetterId(ref);
    if (!(await this.#isParked(id))) return;
    const keys = [...this.#keys(ref.tenantId), this.#lockKey(lock)];
    await remove.run(this.#redis, keys, [id, "", lock.token]);
  }

  async #isParked(id: string): Promise<boolean> {
    this.#asked ??= this.#ask();
    const { ids, places } = this.#asked;
    const index = ids.push(id) - 1;
    return typeof (await places)[index] === "string";
  }

  #ask(): Asked {
    const ids: string[] = [];
    const ask = async () => {
      await nextTurn();
      this.#asked = null;
      return this.#redis.hmget(`${this.#prefix}:places`, ...ids);
    };
    return { ids, places: ask() };
  }

  /** Removes exactly this letter, not a newer one of the same ref. */
  async remove({ letter, stored }: StoredDeadLetter): Promise<boolean> {
    const keys = this.#keys(letter.ref.tenantId);
    return (await remove.run(this.#redis, keys, [letter.id, stored])) === 1;
  }

  async count(): Promise<number> {
    return this.#redis.zcard(`${this.#prefix}:order`);
  }

  async find(id: string): Promise<StoredDeadLetter | null> {
    return (await this.findMany([id]))[0] ?? null;
  }

  /** In the order of the ids; `null` where there is none. */
  async findMany(ids: readonly string[]): Promise<readonly (StoredDeadLetter | null)[]> {
    if (ids.length === 0) return [];
    const [places, letters] = await Promise.all([
      this.#redis.hmget(`${this.#prefix}:places`, ...ids),
      this.#redis.hmget(`${this.#prefix}:letters`, ...ids),
    ]);
    return ids.map((_, index) => {
      const [place, stored] = [places[index], letters[index]];
      return typeof place === "string" && typeof stored === "string" ? decode(place, stored) : null;
    });
  }

  /** @param until only letters first failed at or before this instant, Unix milliseconds */
  async list(
    options: PageOptions & { readonly tenantId?: TenantId | undefined; readonly until?: number },
  ): Promise<Page<StoredDeadLetter>> {
    const limit = pageLimit(options);
    const key = options.tenantId === undefined ? `${this.#prefix}:order` : this.#tenantKey(options.tenantId);
    const from = options.cursor === undefined ? "-" : `(${placeOfCursor(options.cursor)}`;
    const to = options.until === undefined ? "+" : `(${sortable(options.until + 1)}`;
    const found = await this.#redis.zrangebylex(key, from, to, "LIMIT", 0, limit + 1);
    const places = found.slice(0, limit);
    const items: StoredDeadLetter[] = [];
    if (places.length > 0) {
      const stored = await this.#redis.hmget(`${this.#prefix}:letters`, ...places.map(idOfPlace));
      for (const [index, place] of places.entries()) {
        const value = stored[index];
        if (typeof value === "string") items.push(decode(place, value));
      }
    }
    return { items, nextCursor: found.length > limit ? (places.at(-1) ?? null) : null };
  }

  #lockKey({ jobId }: RunLock): string {
    return `${this.#queuePrefix}:${jobId}:lock`;
  }

  #keys(tenantId: string): string[] {
    return [
      `${this.#prefix}:places`,
      `${this.#prefix}:letters`,
      `${this.#prefix}:order`,
      this.#tenantKey(tenantId),
    ];
  }

  #tenantKey(tenantId: string): string {
    return `${this.#prefix}:of:${tenantId}`;
  }
}

/** The letter of a ref has the same id as long as the ref is parked, and whenever it is parked again. */
export function deadLetterId(ref: AggregateRef): string {
  return createHash("sha256").update(aggregateRefKey(ref)).digest("base64url");
}

function sortable(unixMs: number): string {
  return String(unixMs).padStart(15, "0");
}

function idOfPlace(place: string): string {
  return place.slice(place.indexOf(":") + 1);
}

function placeOfCursor(cursor: string): string {
  if (typeof cursor === "string" && /^[0-9]{15}:[\w-]{43}$/.test(cursor)) return cursor;
  throw new EventSourcingError("INVALID_CURSOR", "The cursor of a dead letter listing is not one it gave.", {
    fields: { cursor: String(cursor).slice(0, 64) },
  });
}

function decode(place: string, stored: string): StoredDeadLetter {
  const fields: StoredFields = JSON.parse(stored);
  const { tenantId, aggregateId, errorClass, code, reason, attempts, lastFailedAt } = fields;
  return {
    stored,
    letter: {
      id: idOfPlace(place),
      ref: { tenantId: parseTenantId(tenantId), aggregateId },
      errorClass,
      code,
      reason,
      // Letters of an older version of this package do not have it.
      eventCount: fields.eventCount ?? null,
      attempts,
      firstFailedAt: Number(place.slice(0, 15)),
      lastFailedAt,
    },
  };
}
