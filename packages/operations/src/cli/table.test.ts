import { expect, it } from "vitest";
import { formatTable } from "./table.js";

const rows = [
  { name: "short", text: "🦊 fox" },
  { name: "a name that is rather long", text: "two\nlines" },
];

it("aligns columns by characters and keeps rows on one line", () => {
  expect(formatTable(rows, 80).split("\n")).toEqual([
    "name                        text",
    "──────────────────────────  ─────────",
    "short                       🦊 fox",
    "a name that is rather long  two lines",
  ]);
});

it("cuts long cells until the table fits", () => {
  const lines = formatTable(rows, 30).split("\n");
  expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(30);
  expect(lines[3]).toMatch(/^a name that is r\S*…\s+two lines$/);
});

it("leaves whole what must be, and shows nothing a terminal would act on", () => {
  const id = "x".repeat(60);
  const lines = formatTable([{ id, text: "\u001b[2Jgone\u202e" }], 40, { whole: ["id"] }).split("\n");
  expect(lines[2]).toBe(`${id}  �[2Jgone�`);
});
