import type { ProjectionWorker } from "@es/processing";
import { projectionQueueContract } from "@es/testkit";
import { ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "../src/index.js";
import { redisUrl, uniquePrefix } from "./redis.js";

projectionQueueContract({
  name: "ProjectionQueueBullMQ",
  histories: 30,
  async setUp({ limiter, ...options }) {
    const connection = redisUrl();
    const prefix = uniquePrefix();
    const queue = new ProjectionQueueBullMQ({ connection, prefix, ...options, timeoutMs: 20_000 });
    const workers: ProjectionWorker[] = [];
    return {
      queue,
      work(run, { concurrency }) {
        const worker = new ProjectionWorkerBullMQ({ connection, prefix, run, concurrency, limiter });
        workers.push(worker);
        return worker;
      },
      async tearDown() {
        await Promise.all(workers.map((worker) => worker.close({ drainTimeoutMs: 0 })));
        await queue.close();
      },
    };
  },
});
