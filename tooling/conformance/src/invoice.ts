import type { TruthApi, TruthCall, TruthUsage } from "./fixture.js";

/** USD per million tokens, as the providers publish them. */
interface Rates {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly output: number;
}

const rates: Readonly<Record<string, Rates>> = {
  "gpt-4o-mini": { input: 0.15, cacheRead: 0.075, cacheWrite: 0.15, output: 0.6 },
  "gpt-4.1-mini": { input: 0.4, cacheRead: 0.1, cacheWrite: 0.4, output: 1.6 },
  "o4-mini": { input: 1.1, cacheRead: 0.275, cacheWrite: 1.1, output: 4.4 },
  "text-embedding-3-small": { input: 0.02, cacheRead: 0.02, cacheWrite: 0.02, output: 0 },
  "claude-sonnet-4-5": { input: 3, cacheRead: 0.3, cacheWrite: 3.75, output: 15 },
  // In one region; across all of them it costs what Anthropic takes itself.
  "anthropic.claude-sonnet-4-5-20250929-v1:0": {
    input: 3.3,
    cacheRead: 0.33,
    cacheWrite: 4.125,
    output: 16.5,
  },
  "amazon.nova-lite-v1:0": { input: 0.06, cacheRead: 0.015, cacheWrite: 0.06, output: 0.24 },
  "gemini-2.5-flash": { input: 0.3, cacheRead: 0.03, cacheWrite: 0.3, output: 2.5 },
};

const PICO_PER_TOKEN = 1e6;

/** The classes an API counts apart; what it does not is in the class it is part of. */
const counted: Readonly<Record<TruthApi, readonly (keyof TruthUsage)[]>> = {
  "openai.chat": ["cacheRead", "reasoning"],
  "openai.responses": ["cacheRead", "reasoning"],
  "openai.embeddings": [],
  "anthropic.messages": ["cacheRead", "cacheWrite"],
  "bedrock.converse": ["cacheRead", "cacheWrite"],
  "bedrock.invoke": ["cacheRead", "cacheWrite"],
  "gemini.generateContent": ["cacheRead", "reasoning"],
};

export interface Invoice {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
  /** USD, plain decimal; `null` where nothing was used. */
  readonly cost: string | null;
}

/** What the provider bills for the calls: its own arithmetic, none of the projection's. */
export function invoiceOf(calls: readonly TruthCall[]): Invoice {
  const sum = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };
  let pico = 0n;
  let billed = false;
  for (const { api, model, usage } of calls) {
    if (usage === undefined) continue;
    const told = (kind: keyof TruthUsage) => (counted[api].includes(kind) ? (usage[kind] ?? 0) : 0);
    const [cacheRead, cacheWrite] = [told("cacheRead"), told("cacheWrite")];
    sum.input += usage.input;
    sum.cacheRead += cacheRead;
    sum.cacheWrite += cacheWrite;
    sum.output += usage.output;
    sum.reasoning += told("reasoning");
    const rate = rates[model];
    if (rate === undefined)
      throw new Error(`No rates for ${model}: add them as its provider publishes them.`);
    const bill = (tokens: number, perMillion: number) =>
      BigInt(tokens) * BigInt(Math.round(perMillion * PICO_PER_TOKEN));
    pico +=
      bill(usage.input - cacheRead - cacheWrite, rate.input) +
      bill(cacheRead, rate.cacheRead) +
      bill(cacheWrite, rate.cacheWrite) +
      bill(usage.output, rate.output);
    billed = true;
  }
  return { ...sum, cost: billed ? decimal(pico) : null };
}

function decimal(pico: bigint): string {
  const digits = String(pico).padStart(13, "0");
  return `${digits.slice(0, -12)}.${digits.slice(-12)}`.replace(/\.?0+$/, "");
}
