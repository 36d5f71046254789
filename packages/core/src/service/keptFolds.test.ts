import { getHeapStatistics } from "node:v8";
import { expect, it } from "vitest";
import { defaultKeptFolds, keptFoldsBytes } from "./keptFolds.js";

it("keeps 256 MiB of folds by default, and no more than an eighth of a small heap", () => {
  expect(keptFoldsBytes(4 * 2 ** 30)).toBe(256 * 2 ** 20);
  expect(keptFoldsBytes(200 * 2 ** 20)).toBe(25 * 2 ** 20);
  expect(defaultKeptFolds.maxBytes).toBe(keptFoldsBytes(getHeapStatistics().heap_size_limit));
});
