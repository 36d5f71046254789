import type { Scenario } from "../../harness/scenario.js";
import {
  batchProjects,
  bullMqProjects,
  FLOOR,
  LITERAL,
  literalProjects,
  memoryProjects,
  OURS_BULLMQ,
  OURS_MEMORY,
} from "./projectContenders.js";

/** Per second of a round: about as many as are rebuilt in it. */
const TRACES = 1_500;
/** More than that, or its code would be cold in every round. */
const TRACES_ONE_BY_ONE = 150;
/** The first round is a cold one: of three the median is a warm one. */
const ROUNDS = 3;

export const project: Scenario = {
  name: "project",
  title: "Projections",
  about:
    "Traces rebuilt, of ten spans of about 900 bytes each that are stored already: from the first schedule call to the last stored " +
    "projection of a trace. On BullMQ that is `apps/worker`, with the calls that ingest would make in another process; in memory it is the " +
    "worker's code on the queue of standalone. The floor reads, folds and writes 500 traces at once with the same stores, without a " +
    "queue. A query and an insert per trace is a BullMQ worker that does just that, at three quarters of the cores and without a limit of its rate. " +
    "Where traces name a session, all contenders tell it of each trace before they store the trace's projection, and rebuild it: ours with " +
    "its own moments every 300 ms, the floor each session once at the end, one by one after each trace. CPU time is that until sessions are current, too.",
  async run({ options, startEngines, compare }) {
    const engines = await startEngines();
    const traces = options.quick ? 200 : Math.round(TRACES * options.secondsPerRound);
    const oneByOne = options.quick ? 20 : Math.round(TRACES_ONE_BY_ONE * options.secondsPerRound);
    for (const sessions of [false, true]) {
      const load = { engines, traces, sessions };
      await compare({
        name: `traces of ten spans${sessions ? " that name a session" : ""}`,
        unit: "traces",
        rounds: options.quick ? options.rounds : Math.max(options.rounds, ROUNDS),
        contenders: [
          bullMqProjects(load),
          memoryProjects(load),
          literalProjects({ ...load, traces: oneByOne }),
          batchProjects(load),
        ],
        targets: [OURS_BULLMQ, OURS_MEMORY].flatMap((contender) => [
          { says: `${contender}: at least 30 times one by one`, contender, relativeTo: LITERAL, atLeast: 30 },
          { says: `${contender}: at least 0.6 of the floor`, contender, relativeTo: FLOOR, atLeast: 0.6 },
        ]),
      });
    }
  },
};
