import { parseTenantId } from "@es/core";
import { RunRecorder } from "@es/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "../src/index.js";
import { redisUrl, uniquePrefix } from "./redis.js";

const HOUR_MS = 3_600_000;
const waiting = { timeout: 30_000, interval: 20 };
const ref = (aggregateId: string) => ({ tenantId: parseTenantId("acme"), aggregateId });

describe("when clocks are wrong", () => {
  const open: { close(): Promise<void> }[] = [];

  afterEach(async () => {
    vi.restoreAllMocks();
    for (const one of open.splice(0).reverse()) await one.close();
  });

  function shiftClock(ms: number) {
    const trueNow = Date.now;
    vi.spyOn(Date, "now").mockImplementation(() => trueNow() + ms);
  }

  function setUp() {
    const prefix = uniquePrefix();
    const queue = new ProjectionQueueBullMQ({ connection: redisUrl(), prefix, delayMs: 100 });
    const recorder = new RunRecorder();
    const work = () => {
      const worker = new ProjectionWorkerBullMQ({
        connection: redisUrl(),
        prefix,
        run: recorder.run,
        limiter: null,
        concurrency: 4,
      });
      open.push(worker);
      return worker;
    };
    open.push(queue);
    return { queue, recorder, work };
  }

  const ran = (recorder: RunRecorder) => recorder.started.map((run) => run.ref.aggregateId);

  it("a job scheduled by a process an hour ahead does not wait an hour, and one that should wait does", async () => {
    const { queue, recorder, work } = setUp();
    await queue.schedule([ref("later")], { delayMs: HOUR_MS });
    shiftClock(HOUR_MS);
    await queue.schedule([ref("now")]);
    vi.restoreAllMocks();
    work();
    await vi.waitFor(() => expect(ran(recorder)).toEqual(["now"]), waiting);
    await vi.waitFor(
      async () => expect(await queue.counts()).toMatchObject({ pending: 1, active: 0 }),
      waiting,
    );
  });

  it("a worker an hour behind runs jobs when their time has come", async () => {
    const { queue, recorder, work } = setUp();
    await queue.schedule([ref("now")]);
    shiftClock(-HOUR_MS);
    work();
    await vi.waitFor(() => expect(ran(recorder)).toEqual(["now"]), waiting);
  });
});
