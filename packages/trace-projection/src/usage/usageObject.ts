import { attributeToCount } from "../attributes/attributeText.js";
import { memberAt } from "../attributes/jsonMembers.js";
import type { ReportedClass } from "../conventions/convention.js";
import type { Json } from "../traceProjection.js";

type UsageObject = { readonly [key: string]: Json };
type Reported = Partial<Record<ReportedClass, number>>;

/**
 * Reads a usage object by its own meaning: OpenAI's, Anthropic's, Gemini's, LangChain's, or one of free names as Langfuse has
 * them, where every `input_*` counts on the side of the input and every `output_*` on that of the output.
 */
export function readUsageObject(object: UsageObject): Reported {
  if (has(object, "promptTokenCount") || has(object, "candidatesTokenCount")) return ofGemini(object);
  if (has(object, "prompt_tokens") || has(object, "completion_tokens")) return ofChatCompletions(object);
  if (has(object, "promptTokens") || has(object, "completionTokens")) return ofCamelCase(object);
  if (has(object, "input_tokens") || has(object, "output_tokens")) return ofTokens(object);
  return ofFreeNames(object);
}

function has(object: UsageObject, key: string): boolean {
  return countAt(object, key) !== undefined;
}

function countAt(object: UsageObject, path: string): number | undefined {
  const value = memberAt(object, path);
  return typeof value === "number" || typeof value === "string" ? attributeToCount(value) : undefined;
}

/** The first of the members that is a count, for each class that has one. */
function pick(
  object: UsageObject,
  paths: Readonly<Partial<Record<ReportedClass, readonly string[]>>>,
): Reported {
  const reported: Reported = {};
  for (const [of, members] of Object.entries(paths) as [ReportedClass, readonly string[]][]) {
    const count = members.map((path) => countAt(object, path)).find((found) => found !== undefined);
    if (count !== undefined) reported[of] = count;
  }
  return reported;
}

/** Anthropic's writes for an hour, which cost more than those for five minutes. */
const LONG_WRITES = "cache_creation.ephemeral_1h_input_tokens";

/** Of OpenAI's chat completions and all that speak like them: the input includes the cached tokens. */
function ofChatCompletions(object: UsageObject): Reported {
  return pick(object, {
    input: ["prompt_tokens"],
    output: ["completion_tokens"],
    total: ["total_tokens"],
    cacheRead: [
      "prompt_tokens_details.cached_tokens",
      "cache_read_input_tokens",
      "prompt_cache_hit_tokens",
      "prompt_cached_tokens",
    ],
    cacheWrite: ["cache_creation_input_tokens", "prompt_tokens_details.cache_creation_tokens"],
    reasoning: ["completion_tokens_details.reasoning_tokens", "reasoning_tokens"],
    audioInput: ["prompt_tokens_details.audio_tokens"],
    audioOutput: ["completion_tokens_details.audio_tokens"],
    longCacheWrite: [LONG_WRITES],
  });
}

function ofCamelCase(object: UsageObject): Reported {
  return pick(object, {
    input: ["promptTokens"],
    output: ["completionTokens"],
    total: ["totalTokens"],
    cacheRead: ["cachedInputTokens", "cachedPromptTokens"],
    reasoning: ["reasoningTokens"],
  });
}

/** Of `input_tokens`: OpenAI's responses and LangChain include the cached tokens, and have details; Anthropic has neither. */
function ofTokens(object: UsageObject): Reported {
  const details = [
    "input_tokens_details",
    "input_token_details",
    "output_tokens_details",
    "output_token_details",
  ];
  const isAnthropic =
    !details.some((name) => memberAt(object, name) !== undefined) &&
    (has(object, "cache_read_input_tokens") || has(object, "cache_creation_input_tokens"));
  const { input, ...others } = pick(object, {
    input: ["input_tokens"],
    output: ["output_tokens"],
    total: ["total_tokens", "total"],
    cacheRead: [
      "input_tokens_details.cached_tokens",
      "input_token_details.cache_read",
      "cache_read_input_tokens",
      "cached_input_tokens",
      "input_cached_tokens",
      "input_cache_read",
    ],
    cacheWrite: [
      "input_token_details.cache_creation",
      "cache_creation_input_tokens",
      "input_cache_creation",
      "input_cache_creation_tokens",
    ],
    audioInput: ["input_token_details.audio", "input_tokens_details.audio_tokens", "input_audio_tokens"],
    audioOutput: ["output_token_details.audio", "output_tokens_details.audio_tokens", "output_audio_tokens"],
    longCacheWrite: [LONG_WRITES, "ephemeral_1h_input_tokens", "input_cache_creation_1h"],
    reasoning: [
      "output_tokens_details.reasoning_tokens",
      "output_token_details.reasoning",
      "output_reasoning_tokens",
      "reasoning_tokens",
    ],
  });
  if (input === undefined) return others;
  return isAnthropic ? { ...others, uncached: input } : { ...others, input };
}

/** Thoughts come on top of the candidates. */
function ofGemini(object: UsageObject): Reported {
  const { output, ...others } = pick(object, {
    input: ["promptTokenCount"],
    output: ["candidatesTokenCount"],
    total: ["totalTokenCount"],
    cacheRead: ["cachedContentTokenCount"],
    reasoning: ["thoughtsTokenCount"],
  });
  return output === undefined ? others : { ...others, unreasoned: output };
}

/**
 * Of Langfuse's: `input` and `output` stand beside the other names, unless the total says that they include them. What one
 * side consists of is read off the names.
 */
function ofFreeNames(object: UsageObject): Reported {
  const sides = { input: new Side(/^(input|prompt)(_|$)/), output: new Side(/^(output|completion)(_|$)/) };
  let total: number | undefined;
  for (const name of Object.keys(object)) {
    const count = countAt(object, name);
    if (count === undefined) continue;
    if (name === "total" || name === "total_tokens") total = count;
    for (const side of Object.values(sides)) side.add(name, count);
    if (/^cache_read/.test(name)) sides.input.parts.cacheRead += count;
    if (/^cache_(creation|write)/.test(name)) sides.input.parts.cacheWrite += count;
  }
  const { input, output } = sides;
  const isInclusive =
    total !== undefined && total === input.whole + output.whole && input.sum + output.sum > 0;
  const reported: Reported = {};
  if (input.isThere || input.sum > 0) {
    if (isInclusive) reported.input = input.whole;
    else reported.uncached = input.whole + input.parts.rest;
    if (input.parts.cacheRead > 0) reported.cacheRead = input.parts.cacheRead;
    if (input.parts.cacheWrite > 0) reported.cacheWrite = input.parts.cacheWrite;
    if (input.parts.longCacheWrite > 0) reported.longCacheWrite = input.parts.longCacheWrite;
    if (input.parts.audio > 0) reported.audioInput = input.parts.audio;
    if (input.parts.audioCacheRead > 0) reported.audioCacheRead = input.parts.audioCacheRead;
  }
  if (output.isThere || output.sum > 0) {
    if (isInclusive) reported.output = output.whole;
    else reported.unreasoned = output.whole + output.parts.rest;
    if (output.parts.reasoning > 0) reported.reasoning = output.parts.reasoning;
    if (output.parts.audio > 0) reported.audioOutput = output.parts.audio;
  }
  if (total !== undefined) reported.total = total;
  return reported;
}

/** The members that count on one side. */
class Side {
  readonly #pattern: RegExp;
  isThere = false;
  /** Of `input` or `output` itself. */
  whole = 0;
  readonly parts = {
    cacheRead: 0,
    cacheWrite: 0,
    reasoning: 0,
    rest: 0,
    // Parts of these.
    audio: 0,
    audioCacheRead: 0,
    longCacheWrite: 0,
  };

  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  get sum(): number {
    const { cacheRead, cacheWrite, reasoning, rest } = this.parts;
    return cacheRead + cacheWrite + reasoning + rest;
  }

  add(name: string, count: number): void {
    const match = this.#pattern.exec(name);
    if (match === null) return;
    this.isThere = true;
    if (match[2] === "") this.whole += count;
    else if (/cache_?(creation|write)/.test(name)) {
      this.parts.cacheWrite += count;
      if (/_1h\b/.test(name)) this.parts.longCacheWrite += count;
    } else if (/cache/.test(name)) {
      this.parts.cacheRead += count;
      if (/audio/.test(name)) this.parts.audioCacheRead += count;
    } else if (/reasoning|thought|thinking/.test(name)) this.parts.reasoning += count;
    else {
      this.parts.rest += count;
      if (/audio/.test(name)) this.parts.audio += count;
    }
  }
}
