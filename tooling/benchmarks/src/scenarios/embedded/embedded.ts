import type { Contender } from "../../harness/comparison.js";
import { type Pids, watchProcesses } from "../../harness/processUsage.js";
import { Program } from "../../harness/program.js";
import type { Scenario } from "../../harness/scenario.js";
import type { EngineTask, EngineWork, EngineWorkDone } from "./engineWork.js";

const OURS = "ours, over HTTP from another process";
const BARE = "floor: the addon, called in its process";

const tasks: readonly { readonly task: EngineTask; readonly callers: number }[] = [
  { task: "small queries", callers: 1 },
  { task: "small queries", callers: 8 },
  { task: "rows read", callers: 1 },
  { task: "rows inserted", callers: 1 },
];

export const embedded: Scenario = {
  name: "embedded",
  title: "Embedded engine",
  about:
    "`@es/clickhouse-embedded` by the official client from another process, beside the same engine's addon called where it runs, " +
    "without HTTP, settings, users or isolation between requests. Small queries are `SELECT 1`; rows are a number and a short text, a hundred " +
    "thousand at a read and ten thousand at an insert, in RowBinary.",
  async run({ options, selects, compare }) {
    for (const { task, callers } of options.quick ? tasks.slice(1) : tasks) {
      const name = `${task}, ${callers} at once`;
      if (!selects(name)) continue;
      const work: EngineWork = { task, callers, seconds: options.secondsPerRound / 2 };
      await compare({
        name,
        unit: task === "small queries" ? "queries" : "rows",
        contenders: [
          contender({ name: OURS, role: "ours" }, work, async (closers) => {
            const server = await Program.start("scenarios/embedded/embeddedServer.js");
            closers.push(() => server.stop());
            const client = await Program.start("scenarios/embedded/httpEngine.js");
            closers.push(() => client.stop());
            await client.call("open", await server.call<string>("url"));
            return { worker: client, pids: { engine: server.pid, client: client.pid } };
          }),
          contender({ name: BARE, role: "floor" }, work, async (closers) => {
            const engine = await Program.start("scenarios/embedded/bareEngine.js");
            closers.push(() => engine.stop());
            await engine.call("open", callers);
            return { worker: engine, pids: { engine: engine.pid } };
          }),
        ],
      });
    }
  },
};

interface Opened {
  readonly worker: Program;
  readonly pids: Pids;
}

function contender(
  about: Pick<Contender, "name" | "role">,
  work: EngineWork,
  open: (closers: (() => Promise<void>)[]) => Promise<Opened>,
): Contender {
  const closers: (() => Promise<void>)[] = [];
  let opened: Opened | undefined;
  return {
    ...about,
    async open() {
      opened = await open(closers);
    },
    async round() {
      if (opened === undefined) throw new Error("It is not open.");
      const used = watchProcesses(opened.pids);
      const { count, seconds } = await opened.worker.call<EngineWorkDone>("work", work);
      return { count, seconds, processes: used() };
    },
    async close() {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}
