import {
  calcPrice,
  findProvider,
  type ModelInfo,
  type ModelPrice,
  type PriceCalculation,
} from "@pydantic/genai-prices";
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
  | {
      readonly priced: true;
      readonly amount: Money;
      /** Some tokens are of a class that has no price: they are billed as the class they are part of, or not at all. */
      readonly isPartly?: true;
      /** The maker of the model, whose price was taken because the table does not know the provider that was named. */
      readonly assumedProvider?: string;
    }
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
  "az.ai.agents": "azure",
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

interface FoundModel {
  readonly info: ModelInfo;
  readonly assumedProvider?: string;
}

/** What the table has for a provider and model. */
const models = new NameCache<FoundModel | null>(8 * 2 ** 20);

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
  const found = own.ratesOf(model, provider, at) ?? tableRates(model, provider, requestInput, at);
  if (typeof found === "string") return { priced: false, reason: found };
  const rates = "rates" in found ? found.rates : found;
  const assumedProvider = "rates" in found ? found.assumedProvider : undefined;
  const { isFree, input, output, cacheRead, cacheWrite, reasoning, perThousandRequests } = rates;
  const parts = partsOf(counted);
  const isPartly =
    !isFree &&
    ((output === undefined && counted.output > 0) ||
      (rates.audioInput === undefined && parts.audioInput > 0) ||
      (rates.audioOutput === undefined && parts.audioOutput > 0) ||
      (rates.longCacheWrite === undefined && parts.longCacheWrite > 0));
  // A model with a rate for its input alone, an embedding, bills its output with it.
  const hasRates = input !== undefined || (output !== undefined && inputOf(counted) === 0);
  if (!isFree && !hasRates) return { priced: false, reason: "no-token-price" };
  let perMillion = zeroMoney;
  const add = (rate: Money | undefined, tokens: number) => {
    if (rate !== undefined && tokens !== 0) perMillion = perMillion.plus(rate.times(tokens));
  };
  // A class without a rate of its own is billed as the class it is part of.
  add(input, counted.uncached - parts.audioInput);
  add(rates.audioInput ?? input, parts.audioInput);
  add(cacheRead ?? input, counted.cacheRead - parts.audioCacheRead);
  add(rates.audioCacheRead ?? cacheRead ?? input, parts.audioCacheRead);
  add(cacheWrite ?? input, counted.cacheWrite - parts.longCacheWrite);
  add(rates.longCacheWrite ?? cacheWrite ?? input, parts.longCacheWrite);
  add(reasoning ?? output, parts.reasoning);
  add(rates.audioOutput ?? output, parts.audioOutput);
  add(output, counted.output - parts.reasoning - parts.audioOutput);
  const amount = perMillion.times(millionth);
  return {
    priced: true,
    ...(isPartly ? { isPartly } : {}),
    ...(assumedProvider === undefined ? {} : { assumedProvider }),
    amount:
      isRequest && perThousandRequests !== undefined
        ? amount.plus(perThousandRequests.times(thousandth))
        : amount,
  };
}

/** The parts of classes that have rates of their own, none of them more than what it is part of. */
function partsOf({ uncached, cacheRead, cacheWrite, output, ...parts }: TokenCounts) {
  const reasoning = Math.min(parts.reasoning, output);
  return {
    reasoning,
    audioInput: Math.max(0, Math.min(parts.audioInput, uncached)),
    audioCacheRead: Math.min(parts.audioCacheRead, cacheRead),
    audioOutput: Math.min(parts.audioOutput, output - reasoning),
    longCacheWrite: Math.min(parts.longCacheWrite, cacheWrite),
  };
}

/** What the table says, or why it says nothing. */
function tableRates(
  model: string,
  provider: string | undefined,
  requestInput: number,
  at: bigint,
): { readonly rates: Rates; readonly assumedProvider?: string } | "unknown-model" | "no-token-price" {
  const found = findModel(model, provider);
  if (found === null) return "unknown-model";
  const { info, ...assumed } = found;
  const prices = Array.isArray(info.prices) ? pricesAt(model, provider, at) : info.prices;
  return prices === undefined ? "no-token-price" : { rates: ratesOf(prices, requestInput), ...assumed };
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
    audioInput: rateOf(prices, "input_audio_mtok", requestInput),
    audioCacheRead: rateOf(prices, "cache_audio_read_mtok", requestInput),
    audioOutput: rateOf(prices, "output_audio_mtok", requestInput),
    longCacheWrite: rateOf(prices, "cache_write_1h_mtok", requestInput),
  };
  if (Object.values(prices).every((price) => typeof price === "number")) flatRates.set(prices, rates);
  return rates;
}

function findModel(model: string, provider: string | undefined): FoundModel | null {
  if (model.length > LONGEST_LOOKED_UP || (provider?.length ?? 0) > LONGEST_LOOKED_UP) return null;
  return models.get(`${provider ?? ""}\0${model}`, () => {
    const found = lookUp(model, provider);
    if (found === null) return null;
    const { price, assumedProvider } = found;
    return { info: price.model, ...(assumedProvider === undefined ? {} : { assumedProvider }) };
  });
}

interface LookedUp {
  readonly price: PriceCalculation;
  readonly assumedProvider?: string;
}

/** Whoever runs a model by these runs it himself, or behind an address of his own: its maker's price says nothing. */
const runsItself =
  /vllm|sglang|ollama|lm_?studio|llama[._-]?cpp|llamafile|localai|^(local|custom|custom_openai|tgi|triton|mlx|text-generation-inference|openai[._-]compatible)/;

/** The AI SDK's name of an endpoint: whoever gave it, if the table does not know it, made one of his own. */
const customEndpoint = /\.(chat|completions?|responses|messages|(text_)?embeddings?)$/;

/** Makers that sell the models of these names, and whose weights nobody else has. */
const soleMakers: Readonly<Record<string, RegExp>> = {
  openai: /^(?!gpt-oss)(gpt-|chatgpt-|o\d|text-embedding-|codex-)/,
  anthropic: /^claude-/,
  google: /^gemini-/,
  "x-ai": /^grok-/,
};

function lookUp(model: string, provider: string | undefined, at?: Date): LookedUp | null {
  const name = provider?.toLowerCase();
  const known = name !== undefined && Object.hasOwn(providerAliases, name) ? providerAliases[name] : name;
  // "azure.responses" and the like. Azure's OpenAI service the table knows as OpenAI.
  const providerId = known?.startsWith("azure.") === true && known !== "azure.ai.openai" ? "azure" : known;
  if (providerId !== undefined && runsItself.test(providerId)) return null;
  const found = findPrice(model, providerId, at);
  if (found !== null) return { price: found };
  // Of a provider that is in the table, but does not sell it, the prices of others say nothing.
  if (providerId === undefined || customEndpoint.test(providerId) || isInTable(providerId)) return null;
  const price = findPrice(model, undefined, at);
  const maker = price?.provider.id;
  if (price === null || maker === undefined) return null;
  const isSole = soleMakers[maker]?.test(plainName(model).model) === true;
  return isSole ? { price, assumedProvider: maker } : null;
}

/** A model's name as people write it, and whose it is, if it says so: `openai/gpt-4o`, `models/gemini-2.5-pro`. */
function plainName(model: string): { readonly vendor?: string; readonly model: string } {
  const name = model.replace(/^projects\/[^/]+\/(locations\/[^/]+\/)?/, "").replace(/^\/?models\//, "");
  const published = /^publishers\/([^/]+)\/models\/(.+)$/.exec(name);
  if (published !== null) return { vendor: published[1] as string, model: published[2] as string };
  const named = /^([^/]+)\/(.+)$/.exec(name);
  return named === null ? { model: name } : { vendor: named[1] as string, model: named[2] as string };
}

function findPrice(
  model: string,
  providerId: string | undefined,
  at: Date | undefined,
): PriceCalculation | null {
  const direct = priceOf(model, providerId, at);
  if (direct !== null) return direct;
  const plain = plainName(model);
  const vendor = plain.vendor?.toLowerCase();
  const vendorId =
    vendor !== undefined && Object.hasOwn(providerAliases, vendor) ? providerAliases[vendor] : vendor;
  return (
    // Without a provider the vendor that the name has is asked alone: it may be an endpoint of somebody's own.
    (plain.model === model || (providerId === undefined && vendor !== undefined)
      ? null
      : priceOf(plain.model, providerId, at)) ??
    (vendorId === undefined ? null : priceOf(plain.model, vendorId, at)) ??
    // Amazon's names: a region and a vendor before the model, and its own models without the vendor.
    (/^([a-z]+\.)?anthropic\./.test(plain.model) ? priceOf(plain.model, "aws", at) : null) ??
    (providerId === "aws" ? priceOf(`amazon.${plain.model}`, "aws", at) : null)
  );
}

function isInTable(providerId: string): boolean {
  return findProvider({ providerId }) !== undefined;
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
    () => lookUp(model, provider, new Date(Number(second) * 1_000))?.price.model_price ?? null,
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
