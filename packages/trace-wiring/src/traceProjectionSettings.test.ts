import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEventStream } from "@es/core";
import { ConfigurationError, readEnvironment } from "@es/host";
import { createSpanEvent, createTraceProjectionHandlers } from "@es/trace-projection";
import { demoTraces } from "@es/trace-projection/demo";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { readTraceProjectionOptions, traceProjectionVariables } from "./traceProjectionSettings.js";

const spans = demoTraces({ now: 1_780_000_000_000_000_000n })[0]?.batches.flat() ?? [];
const schema = z.object(traceProjectionVariables);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "prices-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function project(environment: Readonly<Record<string, string>>) {
  const [handler] = createTraceProjectionHandlers(
    readTraceProjectionOptions(readEnvironment(schema, environment)),
  );
  const events = spans.map((span, index) => createSpanEvent(span, BigInt(index)));
  return handler?.handle(createEventStream(spans[0]?.traceId ?? "", events));
}

function priceFile(content: string): string {
  const path = join(folder, "prices.json");
  writeFileSync(path, content);
  return path;
}

describe("the configuration of projections", () => {
  it("has the limits of the library where nothing is set", () => {
    expect(project({})).toMatchObject({ truncated: false, flags: { cuts: {} } });
  });

  it("bounds what is kept, and the projection says what was cut", () => {
    const { input, truncated, flags } = project({ PROJECTION_TEXT_CHARACTERS: "10" }) ?? {};
    expect(input?.text).toBe("Why does m");
    expect(truncated).toBe(true);
    expect(flags?.cuts).toMatchObject({ "input.text": { kept: 10, total: 39 } });
  });

  it("prices models from a file", () => {
    const prices = {
      models: [{ model: "gpt-4o*", prices: [{ inputPerMillion: "0", outputPerMillion: "0" }] }],
    };
    expect(project({ PRICES_FILE: priceFile(JSON.stringify(prices)) })?.cost?.amount).toBe("0");
  });

  it.each([
    ["{", /PRICES_FILE .*prices\.json cannot be read: /],
    ["[]", /PRICES_FILE .* must hold one object with "models"/],
    ['{"models":[{"model":"m"}]}', /PRICES_FILE .*: prices\[0\]\.prices is not known or missing/],
  ])("refuses a file with %s", (content, message) => {
    const path = priceFile(content);
    expect(() => project({ PRICES_FILE: path })).toThrow(ConfigurationError);
    expect(() => project({ PRICES_FILE: path })).toThrow(message);
  });

  it("refuses a file that is not there, and a limit that is none", () => {
    expect(() => project({ PRICES_FILE: join(folder, "none.json") })).toThrow(/cannot be read: ENOENT/);
    expect(() => project({ PROJECTION_TAGS: "0" })).toThrow(/PROJECTION_TAGS is "0"/);
  });
});
