import { migrate, replayClickHouseMigrations } from "@es/store-clickhouse";
import type { TestEngines } from "@es/tooling-engines";
import { type Place, takePlace } from "../../engines/place.js";
import { fillTraceTables, migrateTraceTables } from "../../engines/traceTables.js";
import type { Contender } from "../../harness/comparison.js";
import { watchProcesses } from "../../harness/processUsage.js";
import { Program } from "../../harness/program.js";
import type { Scenario } from "../../harness/scenario.js";
import { SPANS_PER_TRACE } from "../../load/genAiTraces.js";
import type { ReplayPlace } from "./replayProgram.js";

const TRACES = 100_000;
const OURS = "ours";

export const replay: Scenario = {
  name: "replay",
  title: "Replay",
  about:
    `Every projection of ${TRACES} traces of ${SPANS_PER_TRACE} spans is rebuilt, a million spans, in one replay by a process that does ` +
    "nothing else: listed, read, folded and written page by page, with its progress kept in ClickHouse. Once, for it takes minutes.",
  async run({ options, startEngines, compare }) {
    const engines = await startEngines();
    const traces = options.quick ? 300 : TRACES;
    await compare({
      name: "every trace once",
      unit: "traces",
      rounds: 1,
      figures: { memory: { label: "most memory", unit: "MB" } },
      contenders: [replays(engines, traces)],
      targets: [{ says: "less than 512 MB", contender: OURS, figure: "memory", atMost: 512 }],
    });
  },
};

function replays(engines: TestEngines, traces: number): Contender {
  let place: Place | undefined;
  let program: Program | undefined;
  return {
    name: OURS,
    role: "ours",
    async open() {
      place = takePlace(engines);
      const { client, database, clickhouseUrl } = place;
      await migrateTraceTables(place);
      await migrate(client, { database, migrations: [replayClickHouseMigrations] });
      await fillTraceTables(place, traces);
      program = await Program.start("scenarios/replay/replayProgram.js");
      await program.call("open", { clickhouseUrl, database } satisfies ReplayPlace);
    },
    async round() {
      if (place === undefined || program === undefined) throw new Error("It is not open.");
      const used = watchProcesses({ replay: program.pid, ...place.pids });
      const start = performance.now();
      const rebuilt = await program.call<number>("replay");
      const seconds = (performance.now() - start) / 1_000;
      const processes = used();
      const projected = await place.count(
        `SELECT uniqExact(TraceId) FROM ${place.database}.trace_projections WHERE SpanCount = ${SPANS_PER_TRACE}`,
      );
      if (rebuilt !== traces || projected !== traces)
        throw new Error(`${rebuilt} of ${traces} traces were rebuilt, and ${projected} are there.`);
      return {
        count: traces,
        seconds,
        figures: { memory: (processes.replay?.maxRssBytes ?? 0) / 1e6 },
        processes,
      };
    },
    async close() {
      await program?.stop();
      await place?.close();
    },
  };
}
