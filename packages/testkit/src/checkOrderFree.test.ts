import type { EventHandler } from "@es/core";
import { describe, expect, it } from "vitest";
import { checkOrderFree } from "./checkOrderFree.js";
import type { ContractEvent } from "./events/contractEvent.js";
import { eventsArbitrary } from "./events/eventArbitrary.js";

const events = eventsArbitrary();
const check = (handler: EventHandler<string, ContractEvent>, seed = 1) =>
  checkOrderFree({ handler, events, seed });

/** The counterexample a failed check reports. */
function counterexampleOf(handler: EventHandler<string, ContractEvent>): ContractEvent[] {
  try {
    check(handler);
  } catch (error) {
    const line = /^events: (.*)$/m.exec((error as Error).message)?.[1];
    return JSON.parse(line as string) as ContractEvent[];
  }
  throw new Error("The check passed.");
}

describe("checkOrderFree", () => {
  it("passes a pure fold, also under a custom ordering", () => {
    const handler: EventHandler<string, ContractEvent> = {
      handle: (stream) => ({ ids: stream.events.map(({ id }) => id), count: stream.metadata.count }),
    };
    check(handler);
    checkOrderFree({ handler, events, ordering: (a, b) => a.type.length - b.type.length, numRuns: 50 });
  });

  it("passes a handler that throws for some events, if it always does", () => {
    check({
      handle: (stream) => {
        if (stream.metadata.count > 3) throw new Error("too many");
        return stream.metadata.count;
      },
    });
  });

  it("finds a count of duplicates, with one event", () => {
    const handler = { handle: (stream: { metadata: { duplicates: number } }) => stream.metadata.duplicates };
    expect(() => check(handler)).toThrow(/depends on more than the set of events/);
    expect(counterexampleOf(handler)).toHaveLength(1);
  });

  it("finds state kept between calls", () => {
    let calls = 0;
    expect(() => check({ handle: () => ++calls })).toThrow(/differs when/);
  });

  it("finds what sticks from the very first call, given a way to make handlers", () => {
    const handler = () => {
      let first: string | undefined;
      return {
        handle: (stream: Iterable<ContractEvent>) => {
          for (const { type } of stream) first ??= type;
          return first ?? null;
        },
      };
    };
    expect(() => checkOrderFree({ handler, events, seed: 1 })).toThrow(/batches arrive like this/);
  });

  it("finds an ordering that is not one, with two events", () => {
    // Says nothing about most pairs and contradicts itself on the rest.
    let toggle = false;
    expect(() =>
      checkOrderFree({
        handler: { handle: (stream) => stream.events.map(({ id }) => id) },
        events,
        ordering: () => {
          toggle = !toggle;
          return toggle ? 1 : -1;
        },
        seed: 3,
      }),
    ).toThrow(/depends on more than the set/);
  });

  it("finds a handler that changes its input", () => {
    expect(() =>
      check({
        handle: (stream) => {
          for (const event of stream.events) (event as { type: string }).type = "mine";
          return null;
        },
      }),
    ).toThrow(/changed its input/);
  });

  it("says how to repeat a failure", () => {
    expect(() => check({ handle: (stream) => stream.metadata.duplicates }, 42)).toThrow(
      /Repeat with seed: 42/,
    );
  });
});
