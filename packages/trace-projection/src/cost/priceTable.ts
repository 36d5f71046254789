import { calcPrice, type ModelInfo, type ModelPrice } from "@pydantic/genai-prices";
import type { TokenCounts } from "../usage/spanUsage.js";
import { inputOf } from "../usage/twinCalls.js";
import { exactMoney, type Money, money, zeroMoney } from "./money.js";
import { NameCache } from "./nameCache.js";
import { noOwnPrices, type OwnPrices, type Rates } from "./ownPrices.js";

/** The price table that is pinned; a test holds it to the version installed. */
export const PRICE_TABLE_VERSION = "@pydantic/genai-prices@0.1.8";

/** The table with prices of one's own before it. */
export function priceTableVersion({ digest }: OwnPrices): string {
  return digest === "" ? PRICE_TABLE_VERSION : `${PRICE_TABLE_VERSION}+${digest}`;
}

export type PriceResult =
  | { readonly priced: true; readonly amount: Money }
  | { readonly priced: false; readonly reason: "unknown-model" | "no-token-price" };

/** Provider names the table does not know by itself. `undefined`: a gateway, which says nothing about whose model it is. */
const providerAliases: Readonly<Record<string, string | undefined>> = {
  "az.ai.inference": "azure",
  "deepseek.chat": "deepseek",
  "fireworks.chat": "fireworks",
  fireworks_ai: "fireworks",
  "groq.chat": "groq",
  "perplexity.chat": "perplexity",
  "togetherai.chat": "together",
  "vercel.gateway": undefined,
  "xai.chat": "x-ai",
  "xai.responses": "x-ai",
  x_ai: "x-ai",
  xai: "x-ai",
  gemini: "google",
  "gcp.gemini": "google",
  "gcp.gen_ai": "google",
  vertexai: "google",
  vertex_ai: "google",
  bedrock: "aws",
  "ibm.watsonx.ai": "ibm",
  gateway: undefined,
  litellm: undefined,
  langchain: undefined,
};

// Multiplying is exact, and many times faster than dividing.
const millionth = exactMoney("0.000001");
const thousandth = exactMoney("0.001");

/** What the table has for a provider and model. */
const models = new NameCache<ModelInfo | null>(8 * 2 ** 20);

/** The table has no longer names, and looking for one takes time by its length times the length of the table. */
const LONGEST_LOOKED_UP = 256;

/** Prices by provider, model and second, of models whose prices change: the table names whole seconds. */
const datedPrices = new NameCache<ModelPrice | null>(8 * 2 ** 20);

/** About how many bytes are kept of what was looked up. */
export function priceCacheBytes(): number {
  return models.bytes + datedPrices.bytes;
}

/**
 * Prices tokens by model, provider and time. The table's rates are per million tokens and published as decimals; the
 * arithmetic is done in decimals here, for the table's own is in doubles.
 *
 * @param counted the tokens to price; a negative class takes off what was priced elsewhere
 * @param requestInput all input of the request they belong to, which decides the tier
 * @param at Unix nanoseconds
 * @param isRequest whether the tokens are a whole request, which some models charge for besides
 * @param own prices that come before the table's
 */
export function priceTokens(
  model: string,
  provider: string | undefined,
  counted: TokenCounts,
  requestInput: number,
  at: bigint,
  isRequest = false,
  own: OwnPrices = noOwnPrices,
): PriceResult {
  const rates = own.ratesOf(model, provider, at) ?? tableRates(model, provider, requestInput, at);
  if (typeof rates === "string") return { priced: false, reason: rates };
  const { isFree, input, output, cacheRead, cacheWrite, reasoning, perThousandRequests } = rates;
  // A model with a rate for its input alone, an embedding, bills its output with it.
  const hasRates = input !== undefined || (output !== undefined && inputOf(counted) === 0);
  if (!isFree && !hasRates) return { priced: false, reason: "no-token-price" };
  const reasoningTokens = Math.min(counted.reasoning, counted.output);
  let perMillion = zeroMoney;
  const add = (rate: Money | undefined, tokens: number) => {
    if (rate !== undefined && tokens !== 0) perMillion = perMillion.plus(rate.times(tokens));
  };
  add(input, counted.uncached);
  // A class without a rate of its own is billed as the class it is part of.
  add(cacheRead ?? input, counted.cacheRead);
  add(cacheWrite ?? input, counted.cacheWrite);
  add(reasoning ?? output, reasoningTokens);
  add(output, counted.output - reasoningTokens);
  const amount = perMillion.times(millionth);
  return {
    priced: true,
    amount:
      isRequest && perThousandRequests !== undefined
        ? amount.plus(perThousandRequests.times(thousandth))
        : amount,
  };
}

/** What the table says, or why it says nothing. */
function tableRates(
  model: string,
  provider: string | undefined,
  requestInput: number,
  at: bigint,
): Rates | "unknown-model" | "no-token-price" {
  const info = findModel(model, provider);
  if (info === null) return "unknown-model";
  const prices = Array.isArray(info.prices) ? pricesAt(model, provider, at) : info.prices;
  return prices === undefined ? "no-token-price" : ratesOf(prices, requestInput);
}

/** Rates that hold for requests of any size, made once. */
const flatRates = new WeakMap<ModelPrice, Rates>();

function ratesOf(prices: ModelPrice, requestInput: number): Rates {
  const known = flatRates.get(prices);
  if (known !== undefined) return known;
  const rates: Rates = {
    isFree: Object.keys(prices).length === 0,
    perThousandRequests: rateOf(prices, "requests_kcount", requestInput),
    input: rateOf(prices, "input_mtok", requestInput),
    output: rateOf(prices, "output_mtok", requestInput),
    cacheRead: rateOf(prices, "cache_read_mtok", requestInput),
    cacheWrite: rateOf(prices, "cache_write_mtok", requestInput),
    reasoning: rateOf(prices, "output_reasoning_mtok", requestInput),
  };
  if (Object.values(prices).every((price) => typeof price === "number")) flatRates.set(prices, rates);
  return rates;
}

function findModel(model: string, provider: string | undefined): ModelInfo | null {
  if (model.length > LONGEST_LOOKED_UP || (provider?.length ?? 0) > LONGEST_LOOKED_UP) return null;
  return models.get(`${provider ?? ""}\0${model}`, () => lookUp(model, provider)?.model ?? null);
}

function lookUp(model: string, provider: string | undefined, at?: Date) {
  const name = provider?.toLowerCase();
  const known = name !== undefined && Object.hasOwn(providerAliases, name) ? providerAliases[name] : name;
  // "azure.responses" and the like. Azure's OpenAI service the table knows as OpenAI.
  const providerId = known?.startsWith("azure.") === true && known !== "azure.ai.openai" ? "azure" : known;
  // A gateway names whose model it is before the slash.
  const named = providerId === undefined ? /^([^/]+)\/(.+)$/.exec(model) : null;
  return (
    priceOf(model, providerId, at) ??
    (named === null ? null : priceOf(named[2] ?? "", named[1], at)) ??
    // Amazon's own models without the vendor that their ids begin with.
    (providerId === "aws" ? priceOf(`amazon.${model}`, "aws", at) : null)
  );
}

function priceOf(model: string, providerId: string | undefined, at: Date | undefined) {
  try {
    return calcPrice({ input_tokens: 0 }, model, {
      ...(providerId === undefined ? {} : { providerId }),
      ...(at === undefined ? {} : { timestamp: at }),
    });
  } catch {
    return null;
  }
}

function pricesAt(model: string, provider: string | undefined, at: bigint): ModelPrice | undefined {
  const second = at / 1_000_000_000n;
  const found = datedPrices.get(
    `${provider ?? ""}\0${model}\0${second}`,
    () => lookUp(model, provider, new Date(Number(second) * 1_000))?.model_price ?? null,
  );
  return found ?? undefined;
}

function rateOf(rates: ModelPrice, key: string, requestInput: number): Money | undefined {
  const price = rates[key];
  if (price === undefined || typeof price === "number") return price === undefined ? undefined : money(price);
  // As the table defines it: the tier the request reaches applies to all its tokens.
  return money(
    price.tiers.reduce((reached, tier) => (requestInput > tier.start ? tier.price : reached), price.base),
  );
}
