import type { Scenario } from "../../harness/scenario.js";
import { appendsTo, type Filling, rebuildsAmong } from "./growthContenders.js";

const FIRST = "the first span";
const LONGEST = 100_000;

export const growth: Scenario = {
  name: "growth",
  title: "Growth",
  about:
    "What a span costs when its trace is long already: one span is stored, its trace scheduled, and the projection rebuilt and stored, " +
    "one after the other in one process. Then what traces cost when many others are stored already, of one tenant or of a hundred: two hundred of " +
    "them, taken at random, are rebuilt at once, and single new ones are stored and rebuilt one after the other.",
  async run({ options, startEngines, selects, compare }) {
    const engines = await startEngines();
    const { quick, secondsPerRound: seconds } = options;
    const lengths = quick ? [10, 100] : [10, 100, 1_000, 10_000, LONGEST];
    const longest = `span number ${format(lengths.at(-1) ?? 0)}`;
    if (selects("one more span")) {
      await compare({
        name: "one more span",
        unit: "spans",
        contenders: [
          appendsTo({ name: FIRST, engines, length: 0, seconds }),
          ...lengths.map((length) =>
            appendsTo({ name: `span number ${format(length)}`, engines, length: length - 1, seconds }),
          ),
        ],
        targets: [
          {
            says: `${longest}: at most three times the first`,
            contender: longest,
            relativeTo: FIRST,
            atLeast: 1 / 3,
          },
        ],
      });
    }
    const few: Filling = { name: "beside 1 000 traces", traces: 1_000, tenants: 1 };
    const fillings: readonly Filling[] = quick
      ? [few, { name: "beside 2 000 traces", traces: 2_000, tenants: 1 }]
      : [
          few,
          { name: "beside 10 000 traces", traces: 10_000, tenants: 1 },
          { name: "beside 10 000 traces of 100 tenants", traces: 10_000, tenants: 100 },
          { name: "beside 100 000 traces", traces: 100_000, tenants: 1 },
        ];
    const most = fillings.at(-1) ?? few;
    for (const { name, atOnce } of [
      { name: "200 traces at once", atOnce: 200 },
      { name: "one trace after the other", atOnce: 1 },
    ]) {
      if (!selects(name)) continue;
      await compare({
        name,
        unit: "traces",
        contenders: fillings.map((filling) => rebuildsAmong({ engines, filling, atOnce, seconds })),
        targets: [
          {
            says: `${most.name}: at most 1.5 times the cost`,
            contender: most.name,
            relativeTo: few.name,
            atLeast: 1 / 1.5,
          },
        ],
      });
    }
  },
};

function format(count: number): string {
  return count.toLocaleString("en").replaceAll(",", " ");
}
