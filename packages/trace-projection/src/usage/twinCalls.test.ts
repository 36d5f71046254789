import { expect, it } from "vitest";
import { buildScope, buildSpan } from "../demo/spanBuilder.js";
import { buildSpanTree } from "../spans/spanTree.js";
import { noTokens } from "./spanUsage.js";
import { findTwinCalls } from "./twinCalls.js";

it("finds the chain of one call that 40 000 instrumentations tell of, in memory by their number", () => {
  const many = 40_000;
  const span = buildSpan({ traceId: "a", spanId: "", name: "chat", start: 1n, end: 2n });
  const scope = buildScope("", "1");
  const usage = { own: { ...noTokens(), uncached: 5, output: 2 }, rules: {} };
  const tree = buildSpanTree(
    Array.from({ length: many }, (_, i) => ({
      ...span,
      spanId: i.toString(16).padStart(16, "0"),
      scope: { ...scope, name: `instrumentation ${i}` },
    })),
  );
  const twins = findTwinCalls(tree, new Array(many).fill(usage));
  expect(twins).toEqual(Array.from({ length: many - 1 }, (_, i) => ({ outer: i, inner: i + 1, meet: -1 })));
});
