import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { calcPrice } from "@pydantic/genai-prices";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noTokens } from "../usage/spanUsage.js";
import { PRICE_TABLE_VERSION, priceCacheBytes, priceTokens } from "./priceTable.js";

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
            {
              ...noTokens(),
              uncached,
              cacheRead: read,
              cacheWrite: write,
              output,
              reasoning: 0,
              total: input + output,
            },
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

  it("agrees with the table on prices that change, at any time", () => {
    const counts = { ...noTokens(), uncached: 1_000_000 };
    const models = fc.constantFrom(
      ["o3", "openai"],
      ["claude-opus-4-6", "anthropic"],
      ["deepseek-chat", "deepseek"],
    );
    const second = fc.integer({ min: 1_700_000_000, max: 1_900_000_000 });
    fc.assert(
      fc.property(models, second, fc.nat({ max: 999_999_999 }), ([model, provider], seconds, nanos) => {
        const at = BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
        const ours = priceTokens(model as string, provider, { ...counts, total: 1_000_000 }, 1_000_000, at);
        const theirs = calcPrice({ input_tokens: 1_000_000 }, model as string, {
          providerId: provider as string,
          timestamp: new Date(Number(at / 1_000_000n)),
        });
        expect(ours.priced && ours.amount.toNumber()).toBeCloseTo(theirs?.total_price ?? Number.NaN, 9);
      }),
      { numRuns: 500 },
    );
  });

  it("agrees with the table on audio, cached audio and cache writes for an hour", () => {
    const tokens = fc.nat({ max: 100_000 });
    const models = fc.constantFrom(
      ["gpt-4o-realtime-preview", "openai"],
      ["gemini-2.0-flash", "google"],
      ["claude-sonnet-4-5", "anthropic"],
    );
    fc.assert(
      fc.property(models, tokens, tokens, tokens, tokens, ([model, provider], text, audio, read, output) => {
        const isClaude = provider === "anthropic";
        const [audioInput, longCacheWrite] = isClaude ? [0, audio] : [audio, 0];
        const counted = {
          ...noTokens(),
          uncached: text + audioInput,
          audioInput,
          cacheRead: read,
          audioCacheRead: isClaude ? 0 : read,
          cacheWrite: longCacheWrite,
          longCacheWrite,
          output,
        };
        const input = text + audio + read;
        const at = 1_780_000_000_000_000_000n;
        const ours = priceTokens(model as string, provider, { ...counted, total: input + output }, input, at);
        const theirs = calcPrice(
          {
            input_tokens: input,
            input_audio_tokens: audioInput + counted.audioCacheRead,
            cache_read_tokens: read,
            cache_audio_read_tokens: counted.audioCacheRead,
            cache_write_tokens: longCacheWrite,
            cache_write_1h_tokens: longCacheWrite,
            output_tokens: output,
          },
          model as string,
          { providerId: provider as string, timestamp: new Date(Number(at / 1_000_000n)) },
        );
        expect(ours.priced && ours.amount.toNumber()).toBeCloseTo(theirs?.total_price ?? Number.NaN, 9);
      }),
    );
  });

  it("keeps little of names that nobody's model has, however long and many they are", () => {
    const counts = { ...noTokens(), uncached: 1, total: 1 };
    const price = (model: string, provider?: string) => priceTokens(model, provider, counts, 1, 1n);
    for (let i = 0; i < 300; i++) price(`${i}-${"m".repeat(200_000)}`);
    for (let i = 0; i < 300; i++) price("gpt-4o", `${i}-${"p".repeat(200_000)}`);
    const short = priceCacheBytes();
    expect(short).toBeLessThan(2 ** 20);
    // It takes time by the length of the table, and none by that of the name.
    expect(price(`gpt-4o-${"m".repeat(2 ** 24)}`)).toEqual({ priced: false, reason: "unknown-model" });
    expect(priceCacheBytes()).toBe(short);
  });
});
