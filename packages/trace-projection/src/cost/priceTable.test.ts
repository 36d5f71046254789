import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { calcPrice } from "@pydantic/genai-prices";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRICE_TABLE_VERSION, priceTokens } from "./priceTable.js";

describe("priceTokens", () => {
  it("names the version of the table that is installed", () => {
    const entry = createRequire(import.meta.url).resolve("@pydantic/genai-prices");
    const manifest = JSON.parse(readFileSync(new URL("../package.json", `file://${entry}`), "utf8"));
    expect(PRICE_TABLE_VERSION).toBe(`${manifest.name}@${manifest.version}`);
  });

  it("agrees with the table's own arithmetic up to the error of its doubles", () => {
    const tokens = fc.nat({ max: 400_000 });
    const models = fc.constantFrom(
      ["gpt-4o", "openai"],
      ["o3", "openai"],
      ["claude-sonnet-4-20250514", "anthropic"],
      ["gemini-2.5-pro", "google"],
      ["text-embedding-3-small", "openai"],
    );
    fc.assert(
      fc.property(
        models,
        tokens,
        tokens,
        tokens,
        tokens,
        ([model, provider], uncached, read, write, output) => {
          const at = 1_780_000_000_000_000_000n;
          const input = uncached + read + write;
          const ours = priceTokens(
            model as string,
            provider,
            { uncached, cacheRead: read, cacheWrite: write, output, reasoning: 0, total: input + output },
            input,
            at,
          );
          const theirs = calcPrice(
            {
              input_tokens: input,
              cache_read_tokens: read,
              cache_write_tokens: write,
              output_tokens: output,
            },
            model as string,
            { providerId: provider as string, timestamp: new Date(Number(at / 1_000_000n)) },
          );
          expect(ours.priced && ours.amount.toNumber()).toBeCloseTo(theirs?.total_price ?? Number.NaN, 9);
        },
      ),
    );
  });
});
