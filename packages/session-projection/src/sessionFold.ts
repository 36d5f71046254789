import { type EventFold, type FoldStep, parseProjectionVersion } from "@es/core";
import { compareIds } from "@es/core/adapter";
import type { TraceStatus } from "@es/trace-projection";
import { CountedTexts } from "./countedTexts.js";
import { fromPicodollars, toPicodollars } from "./picodollars.js";
import type { SessionEvent, SessionTrace } from "./sessionEvent.js";
import type { SessionLimits } from "./sessionLimits.js";
import type { SessionProjection } from "./sessionProjection.js";
import { SortedRuns } from "./sortedRuns.js";

interface Told {
  readonly version: bigint;
  /** `null`: not part of the session. */
  readonly trace: SessionTrace | null;
}

/** About what a trace takes besides its texts, as measured. */
const BYTES_PER_TRACE = 450;
/** About what a text takes besides its characters, where it is kept once for many. */
const BYTES_PER_TEXT = 100;
/** Where more traces change at once, by those there are, all are put in order anew. */
const MANY = 1 / 8;
const EVENTS_PER_STEP = 200;

/** The distinct names of some traces in order of first use, as far as a projection lists them. */
interface FirstNames {
  readonly models: readonly string[];
  readonly userIds: readonly string[];
}

/**
 * A session between rebuilds: what it was told last of each of its traces, in the two orders in which its projection
 * lists them, and the sums. One more trace changes the sums and a run of each order. It never asks for events again.
 */
export class SessionFold implements EventFold<SessionEvent, SessionProjection> {
  readonly #sessionId: string;
  readonly #generation: number;
  readonly #limits: SessionLimits;
  readonly #newest = new Map<string, Told>();
  readonly #byStart = new SortedRuns<SessionTrace, FirstNames>(earliestFirst);
  readonly #byActivity = new SortedRuns<SessionTrace>(lastActiveFirst);
  readonly #names = new CountedTexts();
  readonly #models = new CountedTexts();
  readonly #userIds = new CountedTexts();
  readonly #sums = new Sums();

  constructor(sessionId: string, generation: number, limits: SessionLimits) {
    this.#sessionId = sessionId;
    this.#generation = generation;
    this.#limits = limits;
  }

  add(events: readonly SessionEvent[]): void {
    const steps = this.addInSteps(events);
    while (steps.next().done !== true);
  }

  *addInSteps(events: readonly SessionEvent[]): Generator<void, void> {
    // Of a trace that is told of several times only what counts now is worth anything.
    const changed = new Map<string, Told>();
    let seen = 0;
    for (const { data } of events) {
      if (++seen % EVENTS_PER_STEP === 0) yield;
      if (data.generation !== this.#generation) continue;
      const version = parseProjectionVersion(data.version);
      const known = changed.get(data.traceId) ?? this.#newest.get(data.traceId);
      // One of the same version is the same event, told again.
      if (known === undefined || known.version <= version) {
        changed.set(data.traceId, { version, trace: data.trace });
      }
    }
    const many = changed.size > this.#newest.size * MANY;
    for (const [traceId, { version, trace }] of changed) {
      if (++seen % EVENTS_PER_STEP === 0) yield;
      const before = this.#newest.get(traceId)?.trace ?? null;
      const after = trace === null ? null : this.#take(trace);
      if (before !== null) this.#letGo(before);
      this.#newest.set(traceId, { version, trace: after });
      if (many) continue;
      if (before !== null) {
        this.#byStart.remove(before);
        this.#byActivity.remove(before);
      }
      if (after !== null) {
        this.#byStart.add(after);
        this.#byActivity.add(after);
      }
    }
    if (!many) return;
    const traces = [...this.#newest.values()].flatMap(({ trace }) => (trace === null ? [] : [trace]));
    yield;
    this.#byStart.fill(traces);
    yield;
    this.#byActivity.fill(traces);
  }

  project(): FoldStep<SessionProjection> & { readonly done: true } {
    const { traces: mostTraces, distinct } = this.#limits;
    const sums = this.#sums;
    const cuts: Record<string, { kept: number; total: number }> = {};
    const noteCut = (field: string, kept: number, total: number) => {
      if (total > kept) cuts[field] = { kept, total };
    };
    const models = this.#firstNames("models", this.#models.size);
    const userIds = this.#firstNames("userIds", this.#userIds.size);
    noteCut("models", distinct, this.#models.size);
    noteCut("userIds", distinct, this.#userIds.size);
    noteCut("traces", mostTraces, sums.traces);
    const traces: SessionTrace[] = [];
    for (const trace of this.#byActivity) {
      if (traces.length >= mostTraces) break;
      traces.push(trace);
    }
    const projection = {
      sessionId: this.#sessionId,
      traceCount: sums.traces,
      failedTraceCount: sums.failed,
      status: sums.status,
      spanCount: count(sums.spans),
      errorCount: count(sums.errors),
      startTimeUnixNano: this.#byStart.first?.startTimeUnixNano ?? "0",
      lastActivityUnixNano: this.#byActivity.first?.endTimeUnixNano ?? "0",
      usage: {
        inputTokens: count(sums.inputTokens),
        outputTokens: count(sums.outputTokens),
        totalTokens: count(sums.totalTokens),
      },
      cost:
        sums.withCost === 0
          ? null
          : {
              amount: fromPicodollars(sums.picodollars),
              currency: "USD" as const,
              complete: sums.incomplete === 0,
            },
      models,
      userIds,
      traces,
      cuts,
    };
    return { done: true, projection };
  }

  *projectInSteps(): Generator<void, FoldStep<SessionProjection>> {
    for (const run of this.#byStart.runs) {
      run.summary((traces) => firstNamesOf(traces, this.#limits.distinct));
      yield;
    }
    return this.project();
  }

  recall(): void {}

  release(): number {
    const texts = [this.#names, this.#models, this.#userIds];
    const ofTexts = texts.reduce(
      (sum, { size, characters }) => sum + size * BYTES_PER_TEXT + 2 * characters,
      0,
    );
    return this.#newest.size * BYTES_PER_TRACE + 16 * this.#sums.modelUses + ofTexts;
  }

  /** @returns the trace as it is kept */
  #take(given: SessionTrace): SessionTrace {
    const trace = {
      ...given,
      name: this.#names.add(given.name),
      models: given.models.map((model) => this.#models.add(model)),
      userId: given.userId === null ? null : this.#userIds.add(given.userId),
    };
    this.#sums.change(trace, 1);
    return trace;
  }

  #letGo(trace: SessionTrace): void {
    this.#names.remove(trace.name);
    for (const model of trace.models) this.#models.remove(model);
    if (trace.userId !== null) this.#userIds.remove(trace.userId);
    this.#sums.change(trace, -1);
  }

  /** In order of first use; as soon as there are all of them, or as many as are listed, nobody else is asked. */
  #firstNames(field: keyof FirstNames, size: number): readonly string[] {
    const { distinct } = this.#limits;
    const most = Math.min(size, distinct);
    const found = new Set<string>();
    for (const run of this.#byStart.runs) {
      if (found.size >= most) break;
      const names = run.summary((traces) => firstNamesOf(traces, distinct));
      for (const name of names[field]) if (found.size < most) found.add(name);
    }
    return [...found];
  }
}

/** @param most of each: what comes later in a run comes later in the session */
function firstNamesOf(traces: readonly SessionTrace[], most: number): FirstNames {
  const models = new Set<string>();
  const userIds = new Set<string>();
  for (const trace of traces) {
    for (const model of trace.models) if (models.size < most) models.add(model);
    if (trace.userId !== null && userIds.size < most) userIds.add(trace.userId);
  }
  return { models: [...models], userIds: [...userIds] };
}

/** What the traces of a session add up to: exact, so that a trace can be taken out again. */
class Sums {
  traces = 0;
  failed = 0;
  succeeded = 0;
  withCost = 0;
  incomplete = 0;
  modelUses = 0;
  picodollars = 0n;
  spans = 0n;
  errors = 0n;
  inputTokens = 0n;
  outputTokens = 0n;
  totalTokens = 0n;

  /** `error` if any trace failed, else `ok` if any is, else `unset`. */
  get status(): TraceStatus {
    return this.failed > 0 ? "error" : this.succeeded > 0 ? "ok" : "unset";
  }

  /** @param sign 1 for one that comes, -1 for one that goes */
  change(trace: SessionTrace, sign: 1 | -1): void {
    const picodollars = trace.cost === null ? undefined : toPicodollars(trace.cost);
    const times = BigInt(sign);
    this.traces += sign;
    if (trace.status === "error") this.failed += sign;
    if (trace.status === "ok") this.succeeded += sign;
    if (!trace.costComplete) this.incomplete += sign;
    this.modelUses += sign * trace.models.length;
    this.spans += times * BigInt(trace.spanCount);
    this.errors += times * BigInt(trace.errorCount);
    this.inputTokens += times * BigInt(trace.inputTokens);
    this.outputTokens += times * BigInt(trace.outputTokens);
    this.totalTokens += times * BigInt(trace.totalTokens);
    if (picodollars === undefined) return;
    this.withCost += sign;
    this.picodollars += times * picodollars;
  }
}

/** Up to the largest whole number that JSON readers agree on. */
function count(sum: bigint): number {
  return sum > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(sum);
}

const byId = (a: SessionTrace, b: SessionTrace) => compareIds(a.traceId, b.traceId);

function earliestFirst(a: SessionTrace, b: SessionTrace): number {
  return compareInstants(a.startTimeUnixNano, b.startTimeUnixNano) || byId(a, b);
}

function lastActiveFirst(a: SessionTrace, b: SessionTrace): number {
  return compareInstants(b.endTimeUnixNano, a.endTimeUnixNano) || byId(a, b);
}

/** Decimals without leading zeros. */
function compareInstants(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
