import { describe, expect, it } from "vitest";
import { Slots } from "./slots.js";

/** Work that says when it began, and ends when it is told to. */
function setUp(size: number) {
  const slots = new Slots(size);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const use = (name: string, count: number, abandoned = new AbortController().signal) =>
    slots.use(
      count,
      () => {
        begun.push(name);
        return new Promise<void>((resolve) => ends.set(name, resolve));
      },
      abandoned,
    );
  const end = async (name: string) => {
    ends.get(name)?.();
    await settled();
  };
  return { slots, begun, use, end };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("Slots", () => {
  it("gives no more places than there are", async () => {
    const { begun, use, end } = setUp(3);
    void use("two", 2);
    void use("one", 1);
    void use("another", 1);
    await settled();
    expect(begun).toEqual(["two", "one"]);
    await end("one");
    expect(begun).toEqual(["two", "one", "another"]);
  });

  it("lets nobody overtake who waits for many", async () => {
    const { begun, use, end } = setUp(3);
    void use("first", 1);
    void use("all", 3);
    void use("late", 1);
    await settled();
    expect(begun).toEqual(["first"]);
    await end("first");
    expect(begun).toEqual(["first", "all"]);
    await end("all");
    expect(begun).toEqual(["first", "all", "late"]);
  });

  it("lets in who waited behind one that gave up, and never does the work of that one", async () => {
    const { begun, use } = setUp(3);
    const givesUp = new AbortController();
    void use("first", 1);
    const all = use("all", 3, givesUp.signal);
    void use("two", 2);
    givesUp.abort(new Error("given up"));
    await expect(all).rejects.toThrow("given up");
    await settled();
    expect(begun).toEqual(["first", "two"]);
  });

  it("has its places again after work that failed", async () => {
    const { slots } = setUp(2);
    const { signal } = new AbortController();
    await expect(slots.use(2, () => Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
    expect(await slots.use(2, async () => "done", signal)).toBe("done");
  });
});
