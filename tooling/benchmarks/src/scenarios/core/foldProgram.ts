// Loads and folds one stream, again and again, in a process that does nothing else.
import { EventStore } from "@castore/core";
import { InMemoryEventStorageAdapter } from "@castore/event-storage-adapter-in-memory";
import { createEventStream, type Event } from "@es/core";
import { EventStoreMemory } from "@es/store-memory";
import { type Event as EmmettEvent, getInMemoryEventStore } from "@event-driven-io/emmett";
import { BENCH_TENANT as tenantId } from "../../engines/place.js";
import { answerCalls } from "../../harness/program.js";

/** Those that load from a store first, then those that fold what they hold. */
export type FoldContender =
  | "store-memory"
  | "emmett"
  | "castore"
  | "sorted stream"
  | "known stream"
  | "known events"
  | "unsorted stream"
  | "plain reduce";

export interface FoldWork {
  readonly contender: FoldContender;
  /** Events of the stream. */
  readonly events: number;
  readonly seconds: number;
}

export interface FoldResult {
  /** Events folded. */
  readonly count: number;
  /** Of CPU time, the collector's included: what others do on the machine does not count. */
  readonly seconds: number;
}

/** An alias: emmett's events do not take interfaces. */
type Movement = {
  readonly account: string;
  readonly amount: number;
  readonly reference: string;
};

interface Balance {
  readonly movements: number;
  readonly amount: number;
  readonly lastReference: string;
}

type Moved = Event<"moved", Movement>;

const STREAM = "account-1";
const BEGIN = 1_790_000_000_000_000_000n;
/** Done before the clock is looked at again. */
const SLICE_EVENTS = 10_000;
const initial = (): Balance => ({ movements: 0, amount: 0, lastReference: "" });

/** The same for all. */
function evolve(balance: Balance, { amount, reference }: Movement): Balance {
  return {
    movements: balance.movements + 1,
    amount: balance.amount + amount,
    lastReference: reference,
  };
}

answerCalls({ measure });

async function measure({ contender, events, seconds }: FoldWork): Promise<FoldResult> {
  const fold = await prepare[contender](movements(events));
  const perSlice = Math.max(1, Math.round(SLICE_EVENTS / events));
  let folds = 0;
  const end = performance.now() + seconds * 1_000;
  const before = process.cpuUsage();
  do {
    for (let i = 0; i < perSlice; i++) {
      const balance = await fold();
      if (balance.movements !== events)
        throw new Error(`${contender} folded ${balance.movements} of ${events}.`);
    }
    folds += perSlice;
  } while (performance.now() < end);
  const { user, system } = process.cpuUsage(before);
  return { count: folds * events, seconds: (user + system) / 1e6 };
}

function movements(count: number): Movement[] {
  return Array.from({ length: count }, (_, index) => ({
    account: STREAM,
    amount: (index * 37) % 101,
    reference: `payment-${index}`,
  }));
}

function moved(all: readonly Movement[]): Moved[] {
  return all.map((data, index) => ({
    // As span ids are: in no order.
    id: (Math.imul(index + 1, 0x9e3779b1) >>> 0).toString(16).padStart(16, "0"),
    aggregateId: STREAM,
    type: "moved",
    occurredAt: BEGIN + BigInt(index) * 1_000_000n,
    acceptedAt: BEGIN + 1n + BigInt(index) * 1_000_000n,
    data,
  }));
}

function foldStream(events: readonly Moved[]): Balance {
  return createEventStream(STREAM, events).reduce((balance, { data }) => evolve(balance, data), initial());
}

const prepare: Readonly<
  Record<FoldContender, (all: readonly Movement[]) => Promise<() => Balance | Promise<Balance>>>
> = {
  async "store-memory"(all) {
    const store = new EventStoreMemory<Moved>();
    await store.storeEvents(moved(all), { tenantId });
    return async () => foldStream(await store.getEvents(STREAM, { tenantId }));
  },
  async emmett(all) {
    type Payment = EmmettEvent<"moved", Movement>;
    const store = getInMemoryEventStore();
    await store.appendToStream<Payment>(
      STREAM,
      all.map((data) => ({ type: "moved", data })),
    );
    return async () => {
      const { state } = await store.aggregateStream<Balance, Payment>(STREAM, {
        evolve: (balance: Balance, { data }: Payment) => evolve(balance, data),
        initialState: initial,
      });
      return state;
    };
  },
  async castore(all) {
    const adapter = new InMemoryEventStorageAdapter({
      initialEvents: all.map((payload, index) => ({
        aggregateId: STREAM,
        version: index + 1,
        type: "moved",
        timestamp: new Date(Number(BEGIN / 1_000_000n) + index).toISOString(),
        payload,
      })),
    });
    const store = new EventStore({
      eventStoreId: "accounts",
      eventTypes: [],
      eventStorageAdapter: adapter,
      reducer: (aggregate: CastoreBalance, event: CastoreMoved): CastoreBalance => ({
        aggregateId: event.aggregateId,
        version: event.version,
        balance: evolve(aggregate?.balance ?? initial(), event.payload),
      }),
    });
    return async () => {
      const { aggregate } = await store.getAggregate(STREAM);
      return aggregate?.balance ?? initial();
    };
  },
  async "sorted stream"(all) {
    const events = moved(all);
    return () => foldStream(events);
  },
  async "known stream"(all) {
    const events = Object.freeze(moved(all));
    return () => foldStream(events);
  },
  async "known events"(all) {
    const events = Object.freeze(moved(all));
    return () =>
      createEventStream(STREAM, events).events.reduce(
        (balance, { data }) => evolve(balance, data),
        initial(),
      );
  },
  async "unsorted stream"(all) {
    const events = moved(all);
    const shuffled = events.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return () => foldStream(shuffled);
  },
  async "plain reduce"(all) {
    const events = moved(all);
    return () => events.reduce((balance, { data }) => evolve(balance, data), initial());
  },
};

interface CastoreBalance {
  readonly aggregateId: string;
  readonly version: number;
  readonly balance: Balance;
}

interface CastoreMoved {
  readonly aggregateId: string;
  readonly version: number;
  readonly payload: Movement;
}
