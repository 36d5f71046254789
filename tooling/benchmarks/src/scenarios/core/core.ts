import type { Contender, Role } from "../../harness/comparison.js";
import { Program } from "../../harness/program.js";
import type { BenchOptions, Scenario } from "../../harness/scenario.js";
import { formatNumber } from "../../harness/table.js";
import type { FoldContender, FoldResult, FoldWork } from "./foldProgram.js";

const SIZES = [10, 100, 1_000, 10_000];
/** Of a round: a fold takes microseconds. */
const SECONDS = 0.5;

const STORE = "ours: @es/store-memory";
const EMMETT = "@event-driven-io/emmett";
const CASTORE = "@castore/core";
const SORTED = "ours: a stream of sorted events";
const KNOWN = "ours: a frozen stream, made before";
const KNOWN_EVENTS = "ours: its frozen events, by `events.reduce`";
const UNSORTED = "ours: a stream of unsorted events";
const REDUCE = "floor: reduce of an array";

export const core: Scenario = {
  name: "core",
  title: "Streams in memory",
  about:
    "Events per second of CPU time, folded by the same function, each contender in a process of its own and without an engine. Loading: one stream out of a store in memory, then folded: our " +
    "store beside those of emmett and castore, each by its own call for that. Folding: a stream made of an array whose " +
    "ids are in no order, with duplicates looked for and the order made sure of, beside a plain `reduce`, which does neither. A frozen " +
    "array is looked at once: stores hand such out. Streams are folded by their own `reduce`, and once by that of the frozen array, which V8 reads slowly.",
  async run({ options, selects, compare }) {
    for (const events of options.quick ? [10] : SIZES) {
      const loading = `load and fold ${formatNumber(events)} events`;
      if (selects(loading)) {
        await compare({
          name: loading,
          unit: "events",
          contenders: [
            folds(STORE, "ours", "store-memory", events, options),
            folds(EMMETT, "peer", "emmett", events, options),
            folds(CASTORE, "peer", "castore", events, options),
          ],
          targets: [
            { says: "faster than emmett", contender: STORE, relativeTo: EMMETT, atLeast: 1 },
            { says: "faster than castore", contender: STORE, relativeTo: CASTORE, atLeast: 1 },
          ],
        });
      }
      const folding = `fold ${formatNumber(events)} events that are there`;
      if (!selects(folding)) continue;
      await compare({
        name: folding,
        unit: "events",
        contenders: [
          folds(SORTED, "ours", "sorted stream", events, options),
          folds(KNOWN, "ours", "known stream", events, options),
          folds(KNOWN_EVENTS, "ours", "known events", events, options),
          folds(UNSORTED, "ours", "unsorted stream", events, options),
          folds(REDUCE, "floor", "plain reduce", events, options),
        ],
        targets: [
          {
            says: "a plain reduce is at most 1.2 times as fast as a stream made before",
            contender: REDUCE,
            relativeTo: KNOWN,
            atMost: 1.2,
          },
        ],
      });
    }
  },
};

function folds(
  name: string,
  role: Role,
  contender: FoldContender,
  events: number,
  { quick }: BenchOptions,
): Contender {
  let program: Program;
  return {
    name,
    role,
    async open() {
      program = await Program.start("scenarios/core/foldProgram.js");
    },
    async round() {
      const work: FoldWork = { contender, events, seconds: quick ? 0.05 : SECONDS };
      return program.call<FoldResult>("measure", work);
    },
    close: async () => program?.stop(),
  };
}
