import type { Event } from "@es/core";

/** The events the contract suites store. `data` and `metadata` are JSON values. */
export type ContractEvent = Event<string, unknown>;

/** 15 November 2023, Unix nanoseconds: where tests' clocks start. */
export const TEST_EPOCH = 1_700_006_400_000_000_000n;

/** An event with sensible values for what is left out. */
export function contractEvent(fields: Partial<ContractEvent> = {}): ContractEvent {
  return {
    id: "event-1",
    aggregateId: "aggregate-1",
    type: "something.happened",
    occurredAt: TEST_EPOCH,
    acceptedAt: TEST_EPOCH,
    data: { value: 1 },
    ...fields,
  };
}
