import { createEventStream, isEventSourcingError } from "@es/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildResource, buildSpan, type PlainValue } from "../demo/spanBuilder.js";
import { explain } from "../explain/explain.js";
import { createSpanEvent } from "../spanEvent.js";
import { TraceProjectionEventHandler } from "../traceProjectionEventHandler.js";
import { noTokens } from "../usage/spanUsage.js";
import { type OwnModelPrices, readOwnPrices } from "./ownPrices.js";
import { PRICE_TABLE_VERSION, priceTokens } from "./priceTable.js";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const start = 1_780_000_000_000_000_000n;

function eventOf(attributes: Readonly<Record<string, PlainValue>>) {
  const span = buildSpan({
    traceId,
    spanId: "b7ad6b7169203331",
    name: "chat",
    start,
    end: start + 1n,
    attributes: { "gen_ai.operation.name": "chat", ...attributes },
    resource: buildResource("shop"),
  });
  return createSpanEvent(span, 1n);
}

function project(prices: readonly OwnModelPrices[], attributes: Readonly<Record<string, PlainValue>>) {
  const stream = createEventStream(traceId, [eventOf(attributes)]);
  return new TraceProjectionEventHandler({ prices }).handle(stream);
}

function call(model: string, more: Readonly<Record<string, PlainValue>> = {}) {
  return {
    "gen_ai.request.model": model,
    "gen_ai.usage.input_tokens": 1_000,
    "gen_ai.usage.output_tokens": 100,
    ...more,
  };
}

const house: OwnModelPrices = {
  model: "house-*",
  prices: [{ inputPerMillion: "0.1", outputPerMillion: "0.2", perRequest: "0.000001" }],
};

describe("prices of one's own", () => {
  it("price a model that the table does not know, request included", () => {
    expect(project([], call("house-7b"))).toMatchObject({ cost: null, costReason: "unknown-model" });
    expect(project([house], call("house-7b")).cost).toEqual({
      amount: "0.000121",
      currency: "USD",
      source: "priced",
      complete: true,
    });
  });

  it("come before the table's, and leave other models to it", () => {
    const own = [{ model: "gpt-4o", prices: [{ inputPerMillion: 1, outputPerMillion: 1 }] }];
    expect(project(own, call("GPT-4o")).cost?.amount).toBe("0.0011");
    const mini = call("gpt-4o-mini");
    expect(project(own, mini).cost).toEqual(project([], mini).cost);
  });

  it("for any name of the span's come before the table's for another", () => {
    const deployment = call("our-deployment", { "gen_ai.response.model": "gpt-4o" });
    const own = [{ model: "our-deployment", prices: [{ inputPerMillion: "1", outputPerMillion: "0" }] }];
    expect(project(own, deployment).cost?.amount).toBe("0.001");
  });

  it("may be one provider's only; the first entry that matches decides", () => {
    const own = [
      { model: "m", provider: "Azure", prices: [{ inputPerMillion: "1", outputPerMillion: "1" }] },
      { model: "*", prices: [{ inputPerMillion: "2", outputPerMillion: "2" }] },
    ];
    expect(project(own, call("m", { "gen_ai.provider.name": "azure" })).cost?.amount).toBe("0.0011");
    expect(project(own, call("m", { "gen_ai.provider.name": "openai" })).cost?.amount).toBe("0.0022");
    expect(project(own, call("m")).cost?.amount).toBe("0.0022");
  });

  it("hold from their time on; before the first of them the table does", () => {
    const own = (validFrom: string, amount: string): OwnModelPrices => ({
      model: "gpt-4o",
      prices: [
        { validFrom: "2020-01-01T00:00:00Z", inputPerMillion: "1", outputPerMillion: "1" },
        { validFrom, inputPerMillion: amount, outputPerMillion: amount },
      ],
    });
    const at = new Date(Number(start / 1_000_000n));
    const after = new Date(at.getTime() + 1);
    expect(project([own(at.toISOString(), "3")], call("gpt-4o")).cost?.amount).toBe("0.0033");
    expect(project([own(after.toISOString(), "3")], call("gpt-4o")).cost?.amount).toBe("0.0011");
    const later = [{ model: "gpt-4o", prices: [{ validFrom: after.toISOString(), inputPerMillion: "3" }] }];
    expect(project(later, call("gpt-4o")).cost).toEqual(project([], call("gpt-4o")).cost);
  });

  it("bill a class without a price as what it is part of", () => {
    const counted = {
      ...noTokens(),
      uncached: 10,
      cacheRead: 20,
      cacheWrite: 30,
      output: 40,
      reasoning: 15,
      total: 100,
    };
    const amount = (price: OwnModelPrices["prices"][number]) => {
      const own = readOwnPrices([{ model: "m", prices: [price] }]);
      const result = priceTokens("m", undefined, counted, 60, start, false, own);
      return result.priced && result.amount.times(1e6).toFixed();
    };
    expect(amount({ inputPerMillion: "1", outputPerMillion: "2" })).toBe("140");
    expect(amount({ inputPerMillion: "1", cacheReadPerMillion: "0.5", outputPerMillion: "2" })).toBe("130");
    expect(amount({ inputPerMillion: "1", cacheWritePerMillion: "2", outputPerMillion: "2" })).toBe("170");
    expect(amount({ inputPerMillion: "1", outputPerMillion: "2", reasoningPerMillion: "4" })).toBe("170");
    expect(amount({ outputPerMillion: "2" })).toBe(false);
  });

  it("are exact: any decimals, any counts", () => {
    const decimal = fc
      .tuple(fc.nat({ max: 9_999 }), fc.nat({ max: 999_999_999 }))
      .map(([whole, part]) => `${whole}.${String(part).padStart(9, "0")}`);
    const tokens = fc.nat({ max: 2_000_000 });
    const nano = (text: string) => BigInt(text.replace(".", ""));
    fc.assert(
      fc.property(decimal, decimal, decimal, tokens, tokens, tokens, (input, read, output, a, b, c) => {
        const own = readOwnPrices([
          {
            model: "m",
            prices: [{ inputPerMillion: input, cacheReadPerMillion: read, outputPerMillion: output }],
          },
        ]);
        const counted = {
          ...noTokens(),
          uncached: a,
          cacheRead: b,
          cacheWrite: 0,
          output: c,
          reasoning: 0,
          total: a + b + c,
        };
        const result = priceTokens("m", undefined, counted, a + b, start, false, own);
        const expected = nano(input) * BigInt(a) + nano(read) * BigInt(b) + nano(output) * BigInt(c);
        expect(result.priced && result.amount.times("1e15").toFixed()).toBe(String(expected));
      }),
    );
  });

  it("a pattern matches what a regular expression of it would", () => {
    const piece = fc.constantFrom("*", "a", "b", "ab", ".", "");
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 6 }),
        fc.array(fc.constantFrom("a", "b", "ab", "."), { maxLength: 8 }),
        (pieces, letters) => {
          const [pattern, name] = [`x${pieces.join("")}`, `x${letters.join("")}`];
          const own = readOwnPrices([{ model: pattern, prices: [{ perRequest: 1 }] }]);
          const source = pattern.replaceAll(".", "\\.").replaceAll("*", ".*");
          const expected = new RegExp(`^${source}$`).test(name);
          expect(own.ratesOf(name, undefined, start) !== undefined).toBe(expected);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("explain the cost they made", () => {
    const attributes = call("house-7b");
    const { fields } = explain([eventOf(attributes).data], { prices: [house] });
    const cost = fields.find(({ field }) => field === "cost");
    expect(cost?.value).toBe(project([house], attributes).cost?.amount);
  });

  it("hold where a trace is folded from what changed, too", () => {
    const attributes = call("house-7b");
    const fold = new TraceProjectionEventHandler({ prices: [house] }).startFold(traceId);
    fold.add([eventOf(attributes)]);
    expect(fold.project()).toEqual({ done: true, projection: project([house], attributes) });
  });

  it("are named on the row beside the table, by what they are and not how they are written", () => {
    const version = (prices: readonly OwnModelPrices[]) =>
      project(prices, call("gpt-4o")).priceTableVersion ?? "";
    expect(version([])).toBe(PRICE_TABLE_VERSION);
    expect(version([house])).toMatch(new RegExp(`^${PRICE_TABLE_VERSION}\\+[0-9a-f]{12}$`));
    expect(version([{ prices: house.prices, model: house.model }])).toBe(version([house]));
    expect(version([house, house])).not.toBe(version([house]));
  });
});

describe("what is no price is refused with its place, what it has and what it should", () => {
  const price = { inputPerMillion: "1" };
  it.each<[string, unknown, RegExp]>([
    ["no list", { model: "m" }, /^prices is .*expected a list of models/],
    ["no model", [{ prices: [price] }], /^prices\[0\]\.model is not known or missing: expected a model/],
    ["an unknown member", [{ model: "m", price }], /^prices\[0\]\.price .*expected one of model, provider/],
    ["no prices", [{ model: "m", prices: [] }], /^prices\[0\]\.prices is \[\]/],
    [
      "no rate",
      [{ model: "m", prices: [{}] }],
      /^prices\[0\]\.prices\[0\] is \{\}: expected at least one of/,
    ],
    ["a negative one", [{ model: "m", prices: [{ inputPerMillion: -1 }] }], /inputPerMillion is -1/],
    ["a word", [{ model: "m", prices: [{ outputPerMillion: "free" }] }], /outputPerMillion is "free"/],
    ["an exponent", [{ model: "m", prices: [{ perRequest: "1e3" }] }], /perRequest is "1e3"/],
    ["too large a number", [{ model: "m", prices: [{ perRequest: 1e12 }] }], /perRequest is 1000000000000/],
    ["no time", [{ model: "m", prices: [{ ...price, validFrom: "2026" }] }], /validFrom is "2026"/],
    ["a time twice", [{ model: "m", prices: [price, price] }], /a time no other price has/],
  ])("%s", (_, models, message) => {
    try {
      readOwnPrices(models);
      expect.unreachable();
    } catch (error) {
      expect(isEventSourcingError(error, "INVALID_OPTIONS") && error.message).toMatch(message);
    }
  });
});
