import fc from "fast-check";
import { hostileIds } from "../hostileIds.js";
import { type ContractEvent, TEST_EPOCH } from "./contractEvent.js";

/** Any id a store accepts, short and simple ones first when a failure shrinks. */
export function idArbitrary(): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("a", "b", "c", "d", "e") },
    { weight: 1, arbitrary: fc.constantFrom(...hostileIds.filter((id) => id.length < 100)) },
    { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" }) },
  );
}

/** JSON that comes back from `JSON.parse(JSON.stringify(value))` as it was. */
export function jsonArbitrary(): fc.Arbitrary<unknown> {
  return fc
    .jsonValue({ maxDepth: 3, stringUnit: "grapheme" })
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
}

export interface EventArbitraryOptions {
  /** @default any id a store accepts */
  readonly id?: fc.Arbitrary<string>;
  /** @default "aggregate-1" */
  readonly aggregateId?: string;
  /** @default any JSON */
  readonly data?: fc.Arbitrary<unknown>;
}

/** Any event of one aggregate. Times lie within 90 days and often collide. */
export function eventArbitrary(options: EventArbitraryOptions = {}): fc.Arbitrary<ContractEvent> {
  const { id = idArbitrary(), aggregateId = "aggregate-1", data = jsonArbitrary() } = options;
  return fc.record({
    id,
    aggregateId: fc.constant(aggregateId),
    type: fc.constantFrom("opened", "changed", "closed"),
    occurredAt: timeArbitrary(),
    acceptedAt: timeArbitrary(),
    data,
  });
}

/**
 * The events of one aggregate with distinct accepted times, so that of two with one id it is always clear which counts;
 * ids repeat.
 */
export function eventsArbitrary(
  options: EventArbitraryOptions & { readonly maxLength?: number } = {},
): fc.Arbitrary<readonly ContractEvent[]> {
  return fc.uniqueArray(eventArbitrary(options), {
    maxLength: options.maxLength ?? 20,
    selector: (event) => event.acceptedAt,
  });
}

const NINETY_DAYS = 90n * 86_400n * 1_000_000_000n;

function timeArbitrary(): fc.Arbitrary<bigint> {
  return fc
    .oneof(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: NINETY_DAYS }))
    .map((offset) => TEST_EPOCH + offset);
}
