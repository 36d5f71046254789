import { figureOf } from "../../harness/comparison.js";
import type { Scenario } from "../../harness/scenario.js";
import { formatNumber } from "../../harness/table.js";
import { enginesFollow, LITERAL, literalFollows, OURS, oursFollows } from "./endToEndContenders.js";

/** Per second of a round: about as many as become current in it. */
const SPANS = 8_000;
const SPANS_ONE_BY_ONE = 1_000;

export const endToEnd: Scenario = {
  name: "end-to-end",
  title: "End to end",
  about:
    "Spans that come in over OTLP/HTTP until every projection of a trace holds them: `apps/ingest` and `apps/worker` with their own settings, " +
    "requests of 100 spans in protobuf on 8 connections. The rate is that of a burst, from its first request until the last " +
    "projection of a trace is current; the floor stores the same spans as blocks and rebuilds their traces in batches after that. " +
    "The traces name sessions, which all contenders tell and rebuild; CPU time is that until those are current, too. " +
    "Freshness is measured at half that rate: from the acknowledgement of a request until a query finds a trace of it with all its spans; " +
    "a query every 50 ms looks for one trace of each request, so that figures are up to so much too long. 200 ms of it are the quiet window in which spans of a trace gather.",
  async run({ options, startEngines, selects, compare }) {
    const engines = await startEngines();
    const seconds = options.secondsPerRound;
    const spans = options.quick ? 1_000 : SPANS * seconds;
    const burst = "until every projection is current";
    if (!selects(burst)) return;
    const full = await compare({
      name: burst,
      unit: "spans",
      contenders: [
        oursFollows(engines, { spans }),
        literalFollows(engines, { spans: options.quick ? 200 : SPANS_ONE_BY_ONE * seconds }),
        enginesFollow(engines, { spans }),
      ],
      targets: [{ says: "faster than one by one", contender: OURS, relativeTo: LITERAL, atLeast: 1 }],
    });
    const spansPerSecond = figureOf(full.contenders, OURS) / 2;
    await compare({
      name: `freshness at half of it: ${formatNumber(spansPerSecond)} spans/s`,
      unit: "spans",
      figures: {
        p50: { label: "p50", unit: "ms" },
        p95: { label: "p95", unit: "ms" },
        p99: { label: "p99", unit: "ms" },
      },
      // Long enough for a p99 of some hundred requests.
      contenders: [oursFollows(engines, { seconds: options.quick ? seconds : 3 * seconds, spansPerSecond })],
      targets: [
        { says: "p99 of acknowledged to readable below 1 s", contender: OURS, figure: "p99", atMost: 1_000 },
      ],
    });
  },
};
