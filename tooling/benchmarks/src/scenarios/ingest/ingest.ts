import { type FigureDescription, figureOf } from "../../harness/comparison.js";
import type { Scenario } from "../../harness/scenario.js";
import { formatNumber } from "../../harness/table.js";
import {
  engineTakes,
  FLOOR,
  type IngestLoad,
  literalTakes,
  OURS,
  oursTakes,
  type Requests,
} from "./ingestContenders.js";

const cases: readonly Requests[] = [
  { encoding: "protobuf", spansPerRequest: 1_000, connections: 4 },
  { encoding: "protobuf", spansPerRequest: 1_000, connections: 1 },
  { encoding: "protobuf", spansPerRequest: 1_000, connections: 32 },
  { encoding: "protobuf", spansPerRequest: 100, connections: 8 },
  { encoding: "protobuf", spansPerRequest: 10, connections: 1 },
  { encoding: "protobuf", spansPerRequest: 10, connections: 32 },
  { encoding: "json", spansPerRequest: 1_000, connections: 4 },
  { encoding: "json", spansPerRequest: 100, connections: 8 },
];

const latencies: Readonly<Record<string, FigureDescription>> = {
  p50: { label: "p50", unit: "ms" },
  p95: { label: "p95", unit: "ms" },
  p99: { label: "p99", unit: "ms" },
};

export const ingest: Scenario = {
  name: "ingest",
  title: "Ingest",
  about:
    "Spans acknowledged over OTLP/HTTP by `apps/ingest`: stored in ClickHouse, and their traces scheduled on Redis. Traces have " +
    "ten spans of about 900 bytes; each request brings other ids. A connection sends its next request when the last one is " +
    "answered; latencies are from sending to the answer. The floor sends blocks of 10 000 of the same rows in the engine's own " +
    "format to the same table on two connections, which leaves out everything but storing them. An insert per request is the same decoder and rows, each " +
    "request inserted by itself, and a job added per trace. At half load requests are sent at a fixed rate, half of what was acknowledged " +
    "before, and latencies are from when a request was due.",
  async run({ options, startEngines, selects, compare }) {
    const engines = await startEngines();
    const seconds = options.secondsPerRound;
    for (const one of options.quick ? cases.slice(0, 1) : cases) {
      if (!selects(nameOf(one))) continue;
      const load: IngestLoad = { ...one, seconds };
      // A connection alone waits for an insert each time.
      const isTarget = one.spansPerRequest === 1_000 && one.connections > 1;
      const full = await compare({
        name: nameOf(one),
        unit: "spans",
        figures: latencies,
        contenders: [oursTakes(engines, load), literalTakes(engines, load), engineTakes(engines, load)],
        targets: isTarget
          ? [
              { says: "at least half the floor", contender: OURS, relativeTo: FLOOR, atLeast: 0.5 },
              { says: "at least 52 000 spans/s", contender: OURS, atLeast: 52_000 },
            ]
          : [],
      });
      if (!isTarget) continue;
      const spansPerSecond = figureOf(full.contenders, OURS) / 2;
      const half: IngestLoad = { ...load, spansPerSecond };
      await compare({
        name: `${nameOf(one)}, half load: ${formatNumber(spansPerSecond)} spans/s`,
        unit: "spans",
        figures: latencies,
        contenders: [oursTakes(engines, half)],
        targets: [
          { says: "p99 of the acknowledgement below 250 ms", contender: OURS, figure: "p99", atMost: 250 },
        ],
      });
    }
  },
};

function nameOf({ encoding, spansPerRequest, connections }: Requests): string {
  const format = encoding === "json" ? "JSON" : "protobuf";
  return `${format}, ${formatNumber(spansPerRequest)} spans a request, ${connections} connection${connections === 1 ? "" : "s"}`;
}
