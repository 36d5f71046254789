import {
  createEventStream,
  type Event,
  type EventHandler,
  type EventOrdering,
  type EventStreamOptions,
} from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import fc from "fast-check";
import { type Arrival, arrivalArbitrary } from "./events/arrivalArbitrary.js";

export interface OrderFreeCheck<TEvent extends Event, TProjection> {
  /** The handler, or a function that makes a new one: then state that sticks from its very first call is found too. */
  readonly handler:
    | EventHandler<string, TEvent, TProjection>
    | (() => EventHandler<string, TEvent, TProjection>);
  /** Any set of events of one aggregate. Repeated ids are fine where their accepted times differ. */
  readonly events: fc.Arbitrary<readonly TEvent[]>;
  /** As given to the service. @default "timestamp" */
  readonly ordering?: EventOrdering<TEvent>;
  /** Sets of events tried. @default 200 */
  readonly numRuns?: number;
  /** Repeats a failed check, as its message says. */
  readonly seed?: number;
}

/**
 * Tries to make a handler give two projections for one set of events: by order, by duplicates, by arriving in batches
 * with a rebuild after each, and by state it keeps or input it changes. Throws with the smallest counterexample found.
 */
export function checkOrderFree<TEvent extends Event, TProjection>(
  check: OrderFreeCheck<TEvent, TProjection>,
): void {
  const property = fc.property(check.events, arrivalArbitrary(), (events, arrival) => {
    const fault = findFault(check, events, arrival);
    if (fault !== undefined) throw new Error(fault);
  });
  const outcome = fc.check(property, {
    numRuns: check.numRuns ?? 200,
    ...(check.seed === undefined ? {} : { seed: check.seed }),
  });
  if (!outcome.failed) return;
  const reason =
    outcome.errorInstance instanceof Error ? outcome.errorInstance.message : "No events were generated.";
  throw new Error(`${reason}\nRepeat with seed: ${outcome.seed}`);
}

function findFault<TEvent extends Event, TProjection>(
  { handler, ordering }: OrderFreeCheck<TEvent, TProjection>,
  events: readonly TEvent[],
  arrival: Arrival,
): string | undefined {
  const aggregateId = events[0]?.aggregateId ?? "empty";
  const options: EventStreamOptions<TEvent> = ordering === undefined ? {} : { ordering };
  const newHandler = () => (typeof handler === "function" ? handler() : handler);
  const project = (by: EventHandler<string, TEvent, TProjection>, given: readonly TEvent[]): string => {
    const stream = createEventStream(aggregateId, given, options);
    const before = canonicalJson(stream.events);
    const projection = attempt(() => canonicalJson(by.handle(stream)));
    return canonicalJson(stream.events) === before ? projection : "(the handler changed its input)";
  };

  const expected = project(newHandler(), events);
  if (expected.startsWith("("))
    return explain("its input is left alone", events, "unchanged events", expected);

  let stored: readonly TEvent[] = [];
  let rebuilt = expected;
  const longLived = newHandler();
  const batches = arrival.batchesOf(events);
  for (const batch of batches) {
    // As in life: what is stored grows batch by batch and is rebuilt after each.
    stored = [...stored, ...batch];
    rebuilt = project(longLived, stored);
  }
  if (rebuilt !== expected) return explain("its batches arrive like this", batches, expected, rebuilt);

  const again = project(longLived, events);
  if (again !== expected) return explain("it is called a second time", events, expected, again);
  return undefined;
}

function attempt(call: () => string): string {
  try {
    return call();
  } catch (error) {
    return `throws ${error instanceof Error ? error.message : String(error)}`;
  }
}

function explain(circumstance: string, events: unknown, expected: string, got: string): string {
  return [
    `The handler's projection depends on more than the set of events: it differs when ${circumstance}.`,
    `events:   ${canonicalJson(events)}`,
    `expected: ${expected}`,
    `got:      ${got}`,
  ].join("\n");
}
