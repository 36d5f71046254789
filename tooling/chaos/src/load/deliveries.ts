import type { OtlpSpan } from "@es/otlp";
import { createRandom, type Random } from "../random.js";
import { type LoadShape, type MadeTrace, makeWave } from "./traces.js";

/** One span of one trace, by where it was made. */
export interface SpanPlace {
  readonly trace: Pick<MadeTrace, "tenant" | "wave" | "place">;
  readonly index: number;
}

/** One OTLP request to be sent. */
export interface Delivery {
  /** When, in milliseconds from the begin of the load. */
  readonly at: number;
  readonly tenant: string;
  /** Which ingest is tried first. */
  readonly ingest: number;
  readonly encoding: "protobuf" | "json";
  readonly gzip: boolean;
  readonly places: readonly SpanPlace[];
  readonly spans: readonly OtlpSpan[];
}

export interface DeliveryOptions {
  readonly ingests: number;
  /** Nothing is sent later than this, milliseconds from the begin of the load. */
  readonly endMs: number;
}

const MAX_SPANS_PER_REQUEST = 80;
/** Few, for a trace that is sent again is projected again, which would hide that it had been left behind. */
const RESENT_TRACES = 0.15;

/**
 * The requests that carry one wave: each span in one to five of them, in any order, the root often last, the same spans
 * split in other ways, and some of them once more long after their trace was complete.
 */
export function planWave(shape: LoadShape, wave: number, options: DeliveryOptions): readonly Delivery[] {
  const random = createRandom(shape.seed, "deliveries", wave);
  const traces = makeWave(shape, wave);
  return shape.tenants.flatMap((tenant) => {
    const arrivals = traces
      .filter((trace) => trace.tenant === tenant)
      .flatMap((trace) => {
        const lateRoot = random.chance(0.3);
        const resent = random.chance(RESENT_TRACES);
        return trace.spans.map((span, index) => ({
          span,
          resent,
          place: { trace: { tenant, wave, place: trace.place }, index },
          at:
            wave * 1_000 +
            (index === 0 && lateRoot ? random.integer(1_500, 4_000) : random.integer(0, 1_200)),
        }));
      })
      .sort((a, b) => a.at - b.at);
    return batches(random, arrivals).flatMap((batch) => copies(random, batch, tenant, options));
  });
}

interface Arrival {
  readonly span: OtlpSpan;
  readonly place: SpanPlace;
  readonly at: number;
  /** Its trace is sent again when it is complete. */
  readonly resent: boolean;
}

function batches(random: Random, arrivals: readonly Arrival[]): readonly (readonly Arrival[])[] {
  const split: Arrival[][] = [];
  for (let from = 0; from < arrivals.length; ) {
    const size = random.integer(1, MAX_SPANS_PER_REQUEST);
    split.push(arrivals.slice(from, from + size));
    from += size;
  }
  return split;
}

/** The batch as it is sent, and everything it is sent again as. */
function copies(
  random: Random,
  batch: readonly Arrival[],
  tenant: string,
  { ingests, endMs }: DeliveryOptions,
): readonly Delivery[] {
  const ready = Math.max(...batch.map(({ at }) => at));
  const deliver = (arrivals: readonly Arrival[], at: number): Delivery => ({
    at: Math.min(at, endMs),
    tenant,
    ingest: random.integer(0, ingests - 1),
    encoding: random.chance(0.7) ? "protobuf" : "json",
    gzip: random.chance(0.3),
    places: arrivals.map(({ place }) => place),
    spans: arrivals.map(({ span }) => span),
  });
  const sent = [deliver(batch, ready)];
  const more = random.chance(0.5) ? 0 : random.integer(1, 4);
  for (let copy = 0; copy < more; copy++) {
    const late = random.chance(0.25);
    const at = ready + (late ? random.integer(15_000, 40_000) : random.integer(0, 3_000));
    const again = random.shuffle(late ? batch.filter(({ resent }) => resent) : batch);
    if (again.length === 0 || (late && at > endMs)) continue;
    const cut = random.chance(0.4) ? random.integer(1, again.length) : again.length;
    sent.push(deliver(again.slice(0, cut), at));
    if (cut < again.length) sent.push(deliver(again.slice(cut), at + random.integer(0, 1_000)));
  }
  return sent;
}
