import { setMaxListeners } from "node:events";
import { expect, it } from "vitest";
import { type SlotKind, Slots } from "./slots.js";

const never = new AbortController().signal;
// Every statement of these tests waits with it; a request has a signal of its own.
setMaxListeners(0, never);

function take(slots: Slots, kind: SlotKind, signal = never) {
  const taken = { release: undefined as (() => void) | undefined };
  const done = slots.take(signal, kind).then((release) => {
    taken.release = release;
  });
  return Object.assign(taken, { done });
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const have = (...taken: readonly { release: unknown }[]) => taken.map(({ release }) => release !== undefined);

it("has an insert wait for no read, however many there are", async () => {
  const slots = new Slots(3);
  const reads = Array.from({ length: 100 }, () => take(slots, "other"));
  await turn();
  expect(have(...reads.slice(0, 3))).toEqual([true, true, false]);
  const [first, second] = [take(slots, "insert"), take(slots, "insert")];
  await turn();
  expect(have(first, second)).toEqual([true, false]);
  // The slot that an insert gives back is the next insert's, though reads came before it.
  first.release?.();
  await turn();
  expect(have(second, ...reads.slice(2, 4))).toEqual([true, false, false]);
  second.release?.();
  reads[0]?.release?.();
  await turn();
  expect(have(...reads.slice(2, 4))).toEqual([true, false]);
});

it("lets reads have the only slot there is, first come, first served", async () => {
  const slots = new Slots(1);
  const [read, insert, next] = [take(slots, "other"), take(slots, "insert"), take(slots, "other")];
  await turn();
  expect(have(read, insert, next)).toEqual([true, false, false]);
  read.release?.();
  await turn();
  expect(have(insert, next)).toEqual([true, false]);
  insert.release?.();
  await turn();
  expect(have(next)).toEqual([true]);
});

it("goes on behind a statement whose client left while it waited", async () => {
  const slots = new Slots(1);
  const read = take(slots, "other");
  const leaving = new AbortController();
  const gone = take(slots, "other", leaving.signal);
  const next = take(slots, "other");
  leaving.abort(new Error("left"));
  await expect(gone.done).rejects.toThrow("left");
  await read.done;
  read.release?.();
  await turn();
  expect(have(gone, next)).toEqual([false, true]);
});
