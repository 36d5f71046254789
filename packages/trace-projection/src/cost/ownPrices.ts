import { createHash } from "node:crypto";
import { EventSourcingError } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import { type Money, money } from "./money.js";

/** A decimal, best as a string: `"0.15"`; below 10¹². A number is taken as the shortest decimal that means it. */
export type PriceDecimal = string | number;

/** USD. A class of tokens without a price of its own is billed as what it is part of: cached as input, reasoning as output. */
export interface OwnPrice {
  /** From when it holds, ISO 8601 with time zone; without it, always. */
  readonly validFrom?: string;
  readonly inputPerMillion?: PriceDecimal;
  readonly cacheReadPerMillion?: PriceDecimal;
  readonly cacheWritePerMillion?: PriceDecimal;
  readonly outputPerMillion?: PriceDecimal;
  readonly reasoningPerMillion?: PriceDecimal;
  /** For each request, besides its tokens. */
  readonly perRequest?: PriceDecimal;
}

/** The prices of the models that a pattern matches. */
export interface OwnModelPrices {
  /** The whole name, in any case; `*` stands for any characters. */
  readonly model: string;
  /** As the span names it, in any case; without it, any provider and none. */
  readonly provider?: string;
  /** Of those that hold at the time of the call the one with the latest `validFrom` counts. */
  readonly prices: readonly OwnPrice[];
}

/** What one price says, per million tokens and per thousand requests. `undefined`: nothing of its own. */
export interface Rates {
  /** Tokens cost nothing. */
  readonly isFree: boolean;
  readonly perThousandRequests: Money | undefined;
  readonly input: Money | undefined;
  readonly output: Money | undefined;
  readonly cacheRead: Money | undefined;
  readonly cacheWrite: Money | undefined;
  readonly reasoning: Money | undefined;
  readonly audioInput?: Money | undefined;
  readonly audioCacheRead?: Money | undefined;
  readonly audioOutput?: Money | undefined;
  /** Of cache writes that stay for an hour. */
  readonly longCacheWrite?: Money | undefined;
}

/** Prices of one's own, read and checked. */
export interface OwnPrices {
  /** A digest of all of them; "" if there are none. */
  readonly digest: string;
  /**
   * The first entry whose model and provider match and that has a price at the time decides; undefined if none does.
   *
   * @param at Unix nanoseconds
   */
  ratesOf(model: string, provider: string | undefined, at: bigint): Rates | undefined;
}

export const noOwnPrices: OwnPrices = { digest: "", ratesOf: () => undefined };

/** @throws EventSourcingError `INVALID_OPTIONS` that names the entry, what it has and what it should */
export function readOwnPrices(models: unknown): OwnPrices {
  if (!Array.isArray(models)) throw invalid("prices", models, "a list of models");
  if (models.length === 0) return noOwnPrices;
  const entries = models.map((entry, index) => readEntry(entry, `prices[${index}]`));
  return {
    digest: createHash("sha256").update(canonicalJson(models)).digest("hex").slice(0, 12),
    ratesOf(model, provider, at) {
      const [name, by] = [model.toLowerCase(), provider?.toLowerCase()];
      for (const entry of entries) {
        if (entry.provider !== undefined && entry.provider !== by) continue;
        if (!entry.matches(name)) continue;
        const price = entry.prices.find(({ from }) => from <= at);
        if (price !== undefined) return price.rates;
      }
      return undefined;
    },
  };
}

interface Entry {
  readonly provider: string | undefined;
  readonly matches: (model: string) => boolean;
  /** The latest first. */
  readonly prices: readonly { readonly from: bigint; readonly rates: Rates }[];
}

const rateMembers = [
  "inputPerMillion",
  "cacheReadPerMillion",
  "cacheWritePerMillion",
  "outputPerMillion",
  "reasoningPerMillion",
  "perRequest",
] as const;

function readEntry(value: unknown, path: string): Entry {
  const entry = readObject(value, path, ["model", "provider", "prices"]);
  const { model, provider, prices } = entry;
  if (typeof model !== "string" || model === "") throw invalid(`${path}.model`, model, "a model or pattern");
  if (provider !== undefined && (typeof provider !== "string" || provider === "")) {
    throw invalid(`${path}.provider`, provider, "a provider");
  }
  if (!Array.isArray(prices) || prices.length === 0) {
    throw invalid(`${path}.prices`, prices, "a list with at least one price");
  }
  const read = prices.map((price, index) => readPrice(price, `${path}.prices[${index}]`));
  const times = read.map(({ from }) => from);
  const twice = times.findIndex((from, index) => times.indexOf(from) !== index);
  if (twice !== -1) {
    throw invalid(`${path}.prices[${twice}].validFrom`, prices[twice].validFrom, "a time no other price has");
  }
  return {
    provider: provider?.toLowerCase(),
    matches: matcher(model.toLowerCase()),
    prices: read.sort((a, b) => (a.from > b.from ? -1 : 1)),
  };
}

function readPrice(value: unknown, path: string): { readonly from: bigint; readonly rates: Rates } {
  const price = readObject(value, path, ["validFrom", ...rateMembers]);
  const rate = (member: (typeof rateMembers)[number]): Money | undefined => {
    const given = price[member];
    if (given === undefined) return undefined;
    // Of a larger price the cost of a trace might not fit its column.
    const isDecimal =
      (typeof given === "number" && given < 1e12) ||
      (typeof given === "string" && /^\d{1,12}(\.\d{1,18})?$/.test(given));
    const amount = isDecimal ? money(given) : undefined;
    if (amount === undefined)
      throw invalid(`${path}.${member}`, given, 'a decimal of at least 0 such as "0.15"');
    return amount;
  };
  const request = rate("perRequest");
  const rates = {
    input: rate("inputPerMillion"),
    cacheRead: rate("cacheReadPerMillion"),
    cacheWrite: rate("cacheWritePerMillion"),
    output: rate("outputPerMillion"),
    reasoning: rate("reasoningPerMillion"),
    perThousandRequests: request?.times(1_000),
  };
  const given = Object.values(rates).filter((amount) => amount !== undefined).length;
  if (given === 0) throw invalid(path, value, `at least one of ${rateMembers.join(", ")}`);
  return {
    from: readInstant(price.validFrom, `${path}.validFrom`),
    rates: { ...rates, isFree: given === 1 && request !== undefined },
  };
}

/** Unix nanoseconds; before all others without one. */
function readInstant(value: unknown, path: string): bigint {
  if (value === undefined) return -1n;
  const isInstant =
    typeof value === "string" &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(value);
  const milliseconds = isInstant ? Date.parse(value) : Number.NaN;
  if (!(milliseconds >= 0)) throw invalid(path, value, "a time such as 2026-01-31T12:00:00Z");
  return BigInt(milliseconds) * 1_000_000n;
}

function readObject(value: unknown, path: string, members: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(path, value, `an object of ${members.join(", ")}`);
  }
  const unknown = Object.keys(value).find((name) => !members.includes(name));
  if (unknown !== undefined) throw invalid(`${path}.${unknown}`, undefined, `one of ${members.join(", ")}`);
  return value as Record<string, unknown>;
}

/** In time linear in the name for each part of the pattern: names come from outside. */
function matcher(pattern: string): (text: string) => boolean {
  const parts = pattern.split("*");
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  if (parts.length === 1) return (text) => text === pattern;
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
      return false;
    const end = text.length - last.length;
    let place = first.length;
    for (const part of parts.slice(1, -1)) {
      const found = text.indexOf(part, place);
      if (found === -1 || found + part.length > end) return false;
      place = found + part.length;
    }
    return true;
  };
}

function invalid(path: string, value: unknown, expected: string): EventSourcingError {
  const shown = value === undefined ? "is not known or missing" : `is ${JSON.stringify(value)?.slice(0, 80)}`;
  return new EventSourcingError("INVALID_OPTIONS", `${path} ${shown}: expected ${expected}.`);
}
