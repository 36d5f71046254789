import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { codeBlocks, documents } from "./markdown.js";
import { filesBelow, root } from "./workspace.js";

/** The options of each ClickHouse client that a text makes. */
const clientsIn = (text: string) =>
  [...text.matchAll(/\bcreateClient\(((?:[^()]|\([^()]*\))*)\)/g)].map((match) => match[1] ?? "");

describe("a ClickHouse client that this repository makes", () => {
  it("does not print by itself what its caller is told by an error", () => {
    const sources = ["packages", "apps", "tooling"]
      .flatMap((group) => filesBelow(group, [".ts"]))
      .filter((path) => path.includes("/src/") && !path.endsWith(".test.ts"))
      .map((path) => ({ place: path, text: withoutComments(readFileSync(join(root, path), "utf8")) }));
    const examples = documents()
      .flatMap(codeBlocks)
      .map(({ document, line, code }) => ({ place: `${document}:${line}`, text: code }));
    const clients = [...sources, ...examples].flatMap(({ place, text }) =>
      clientsIn(text).map((options) => ({ place, options })),
    );
    expect(clients.length).toBeGreaterThan(5);
    expect(clients.filter(({ options }) => !/\blog:/.test(options)).map(({ place }) => place)).toEqual([]);
  });
});

function withoutComments(source: string): string {
  return source.replace(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, "");
}
