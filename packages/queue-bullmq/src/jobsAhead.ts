import type { BackendFactory, RedisQueueBackend, Worker } from "bullmq";
import { createGatheringBackend } from "./gatheredScripts.js";

/** Most jobs that are fetched at once. */
const MAX_AHEAD = 50;
/** A job that was fetched ahead is asked for in the same turn. One that is not by then goes back to the queue. */
const KEEP_MS = 500;

type Fetched = Awaited<ReturnType<RedisQueueBackend["moveToActive"]>>;

/**
 * The gathering backend for a worker. BullMQ's worker fetches jobs one after the other, each under a lock whose token counts
 * up, until its places are taken or no job is left; only then do they run. A round trip each is most of what a job costs. So
 * where one call found a job, the next one fetches as many more as there are `places`, under the tokens that follow, and
 * calls with these tokens are answered with them.
 *
 * A token that does not follow, as those of another BullMQ may not, fetches its own job as ever. Jobs that nobody asks for,
 * for the worker closes or has no place any more, go back to the queue; those of a worker that dies are found like all
 * that it had fetched.
 */
export function createFetchingBackend(places: () => number): BackendFactory<RedisQueueBackend> {
  return (name, options, connections) => {
    const backend = createGatheringBackend(name, options, connections);
    const fetch = backend.moveToActive.bind(backend);
    const close = backend.close.bind(backend);
    const ahead = new Map<string, Fetched>();
    let size = 1;
    let last = -1;
    let timer: NodeJS.Timeout | null = null;

    const stopWaiting = () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    };

    async function giveBack(): Promise<void> {
      stopWaiting();
      // The last one first, for each goes to the head of the queue.
      const jobs = [...ahead].reverse();
      ahead.clear();
      // One whose lock is lost was started elsewhere, and where Redis is away the lock will be.
      await Promise.allSettled(
        jobs.map(([token, [, jobId]]) => backend.moveJobFromActiveToWait(jobId, token)),
      );
    }

    backend.moveToActive = async (token, workerName) => {
      const kept = ahead.get(token);
      if (kept !== undefined) {
        ahead.delete(token);
        if (ahead.size === 0) stopWaiting();
        return kept;
      }
      const { worker, number } = counted(token);
      const tokens = [token];
      // A lower one is of a job that this worker has already.
      if (number > last && ahead.size === 0) {
        const count = Math.min(size, MAX_AHEAD, places());
        for (let next = number + 1; next < number + count; next++) tokens.push(`${worker}:${next}`);
      }
      const [first, ...others] = await Promise.allSettled(tokens.map((one) => fetch(one, workerName)));
      if (first === undefined || first.status === "rejected") size = 1;
      else size = hasJob(others.at(-1) ?? first) ? Math.min(size * 4, MAX_AHEAD) : 1;
      for (const [index, job] of others.entries()) {
        const following = tokens[index + 1];
        if (following !== undefined && hasJob(job)) ahead.set(following, job.value);
      }
      last = Math.max(last, number);
      if (ahead.size > 0) timer ??= setTimeout(() => void giveBack(), KEEP_MS);
      if (first?.status !== "fulfilled") throw first?.reason;
      return first.value;
    };
    backend.close = async (force) => {
      await giveBack();
      await close(force);
    };
    return backend;
  };
}

/** How many jobs a worker has places for. One where that cannot be known. */
export function placesOf(worker: Worker | undefined): number {
  const { mainLoopQueue } = (worker ?? {}) as { mainLoopQueue?: { numTotal?(): number } | null };
  const taken = mainLoopQueue?.numTotal?.();
  return worker === undefined || taken === undefined ? 1 : worker.concurrency - taken;
}

function hasJob(fetched: PromiseSettledResult<Fetched>): fetched is PromiseFulfilledResult<Fetched> {
  return fetched.status === "fulfilled" && Boolean(fetched.value[0]);
}

/** The parts of a token as BullMQ's worker counts them. */
function counted(token: string): { readonly worker: string; readonly number: number } {
  const [, worker = "", number = "-1"] = /^(.+):(\d+)$/.exec(token) ?? [];
  return { worker, number: Number(number) };
}
