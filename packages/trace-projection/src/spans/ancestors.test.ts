import { describe, expect, it } from "vitest";
import { MOST_STEPS_UP, mayBeOwnAncestor } from "./ancestors.js";

class Link {
  static steps = 0;
  above: Link | undefined;

  get parent(): Link | undefined {
    Link.steps++;
    return this.above;
  }
}

/** The last is the deepest. */
function chainOf(length: number): readonly Link[] {
  const links = Array.from({ length }, () => new Link());
  for (const [depth, link] of links.entries()) link.above = links[depth - 1];
  return links;
}

describe("whether a span is its own ancestor", () => {
  it("is known of a chain, and of a cycle, that are not too long", () => {
    const links = chainOf(MOST_STEPS_UP);
    const deepest = links.at(-1) as Link;
    expect(mayBeOwnAncestor(deepest)).toBe(false);
    (links[0] as Link).above = deepest;
    expect(links.every(mayBeOwnAncestor)).toBe(true);
  });

  it("is not looked for further up: a chain is as dear as that, however long it is", () => {
    const links = chainOf(50_000);
    Link.steps = 0;
    expect(mayBeOwnAncestor(links.at(-1) as Link)).toBe(true);
    expect(Link.steps).toBeLessThanOrEqual(MOST_STEPS_UP + 2);
    expect(mayBeOwnAncestor(links[10] as Link)).toBe(false);
  });
});
