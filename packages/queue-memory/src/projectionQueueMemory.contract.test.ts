import type { ProjectionWorker } from "@es/processing";
import { projectionQueueContract } from "@es/testkit";
import { ProjectionQueueMemory } from "./projectionQueueMemory.js";

projectionQueueContract({
  name: "ProjectionQueueMemory",
  histories: 300,
  async setUp(options) {
    const queue = new ProjectionQueueMemory(options);
    const workers: ProjectionWorker[] = [];
    return {
      queue,
      work(run, { concurrency }) {
        const worker = queue.work(run, { concurrency });
        workers.push(worker);
        return worker;
      },
      async tearDown() {
        await queue.close();
        await Promise.all(workers.map((worker) => worker.close({ drainTimeoutMs: 0 })));
      },
    };
  },
});
