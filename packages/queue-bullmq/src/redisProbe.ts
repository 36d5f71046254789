import type { Cluster, Redis } from "ioredis";
import { LuaScript } from "./luaScript.js";
import { forbidden, isReply } from "./queueErrors.js";

/** `try(command, …)` gives the error of a call, but for one that this user may not make: that is counted among `forbidden`. */
const trying = `
local forbidden = {}
local function try(command, ...)
  local result = redis.pcall(command, ...)
  if type(result) ~= 'table' or not result.err then return nil end
  if string.find(result.err, "can't run this command", 1, true) or string.find(result.err, 'NOPERM', 1, true)
    or string.find(result.err, 'ACL failure', 1, true) then
    forbidden[#forbidden + 1] = string.lower(command)
    return nil
  end
  return result
end`;

/**
 * Runs a harmless call of each command that the scripts use, on keys of its own. Returns those that this user may not run; any
 * other refusal is the script's own error. The first call is one that needs memory: after a write of a script Redis lets the
 * rest pass.
 *
 * KEYS: a text, hash, list, other list, set, sorted set, stream. ARGV: time to live of what is left, in milliseconds.
 */
const probe = new LuaScript(`${trying}
local text, hash, list, other, set, sorted, stream = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local calls = {
  { 'SET', text, '1', 'PX', ARGV[1] }, { 'GET', text }, { 'INCR', text }, { 'EXISTS', text }, { 'PTTL', text },
  { 'PERSIST', text }, { 'PEXPIRE', text, ARGV[1] }, { 'EXPIRE', text, 60 }, { 'TIME' },
  { 'HSET', hash, 'a', '1' }, { 'HMSET', hash, 'b', '1' }, { 'HGET', hash, 'a' }, { 'HMGET', hash, 'a', 'b' },
  { 'HGETALL', hash }, { 'HEXISTS', hash, 'a' }, { 'HINCRBY', hash, 'a', 1 }, { 'HDEL', hash, 'a' },
  { 'LPUSH', list, 'a' }, { 'RPUSH', list, 'b' }, { 'LLEN', list }, { 'LRANGE', list, 0, -1 },
  { 'LPOS', list, 'a' }, { 'LINDEX', list, 0 }, { 'RPOPLPUSH', list, other }, { 'LREM', other, 1, 'b' },
  { 'SADD', set, 'a' }, { 'SCARD', set }, { 'SMEMBERS', set }, { 'SREM', set, 'a' },
  { 'ZADD', sorted, 0, 'a' }, { 'ZCARD', sorted }, { 'ZCOUNT', sorted, '-inf', '+inf' }, { 'ZSCORE', sorted, 'a' },
  { 'ZRANGE', sorted, 0, 0 }, { 'ZRANGEBYLEX', sorted, '-', '+' }, { 'ZRANGEBYSCORE', sorted, '-inf', '+inf' },
  { 'ZREVRANGEBYSCORE', sorted, '+inf', '-inf' }, { 'ZPOPMIN', sorted }, { 'ZREM', sorted, 'a' },
  { 'ZREMRANGEBYSCORE', sorted, '-inf', '+inf' }, { 'ZREMRANGEBYRANK', sorted, 0, -1 }, { 'ZREVRANGE', sorted, 0, 0 },
  { 'XADD', stream, '*', 'a', '1' }, { 'XTRIM', stream, 'MAXLEN', '~', 1 },
  { 'DEL', text, hash, list, other, set, stream },
  { 'ZADD', sorted, 0, 'a' }, { 'PEXPIRE', sorted, ARGV[1] },
}
for _, call in ipairs(calls) do
  local failed = try(unpack(call))
  if failed then return failed end
end
return forbidden`);

const leaseProbe = new LuaScript(`${trying}
local calls = {
  { 'SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX' }, { 'GET', KEYS[1] }, { 'PEXPIRE', KEYS[1], ARGV[2] }, { 'DEL', KEYS[1] },
}
for _, call in ipairs(calls) do
  local failed = try(unpack(call))
  if failed then return failed end
end
return forbidden`);

const LEFT_FOR_MS = 60_000;
const kinds = ["text", "hash", "list", "other", "set", "sorted", "stream"] as const;

/** The keys of all queues share a slot, so those of a probe do. */
function probeKeys(prefix: string, queueName: string): string[] {
  return kinds.map((kind) => `${prefix}:${queueName}:probe:${kind}`);
}

/**
 * Resolves if Redis lets this user do all that the queue and its workers need, now: it writes, by the same commands, below
 * the queue's own prefix. Rejects with Redis' reply or with the commands that are missing.
 */
export async function probeQueue(redis: Redis | Cluster, prefix: string, queueName: string): Promise<void> {
  const keys = probeKeys(prefix, queueName);
  const answer = await probe.run(redis, keys, [LEFT_FOR_MS]);
  const missing = new Set(Array.isArray(answer) ? answer.map(String) : []);
  const sorted = keys[kinds.indexOf("sorted")] ?? "";
  // What is sent outside of scripts: to send the text of one, and to wait for jobs. The script left something to take.
  const others = { eval: redis.eval("return 1", 0), bzpopmin: redis.bzpopmin(sorted, 0.01) };
  await Promise.allSettled(Object.values(others));
  for (const [command, sent] of Object.entries(others)) {
    await sent.catch((error: unknown) => {
      if (!isReply(error) || !error.message.startsWith("NOPERM")) throw error;
      missing.add(command);
    });
  }
  if (missing.size > 0) throw forbidden([...missing].sort());
}

/** The same for leases. */
export async function probeLeases(redis: Redis | Cluster, prefix: string): Promise<void> {
  const missing = await leaseProbe.run(redis, [`${prefix}probe`], ["probe", LEFT_FOR_MS]);
  if (Array.isArray(missing) && missing.length > 0) throw forbidden(missing.map(String).sort());
}

/** Something to mend that keeps nothing from working yet. */
export async function adviceFor(redis: Redis | Cluster): Promise<string | undefined> {
  let info: string;
  try {
    info = redis.isCluster ? "" : await redis.info("memory");
  } catch (error) {
    if (isReply(error) && error.message.startsWith("NOPERM"))
      return "the eviction policy is not known: this user may not run INFO; it has to be noeviction";
    throw error;
  }
  const policy = /^maxmemory_policy:(.*)$/m.exec(info)?.[1]?.trim();
  if (policy === undefined || policy === "noeviction") return undefined;
  return `maxmemory-policy is ${policy}: Redis may evict jobs; set it to noeviction`;
}
