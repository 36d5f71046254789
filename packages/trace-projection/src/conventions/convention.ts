import type { SpanKind } from "../traceProjection.js";

/**
 * How to read an input or output.
 *
 * `text` is taken as it is. `json` is text, or JSON that may hold a message list; `encoded` is always JSON, a plain
 * text too. `messages` has to be a message list, as a JSON string or a structured value. `prompt` is the AI SDK's
 * `{ system, prompt | messages }`, `call` the arguments of a call as OpenLLMetry has them, `{ args, kwargs }`, `typed`
 * LangWatch's `{ type, value }`, and `events` a list of OTel GenAI's message events: those of an output are its choices, the
 * others are the input.
 */
export type ContentShape = "text" | "json" | "encoded" | "messages" | "prompt" | "call" | "typed" | "events";

export type ContentSource =
  | {
      readonly from: "attribute";
      readonly key: string;
      readonly shape: ContentShape;
      /** The attribute with the value's mime type. */
      readonly mimeTypeKey?: string;
      /** The attribute with the system instructions, which then come first in the message list. */
      readonly systemKey?: string;
      /** An empty string, list or object is no value here: another rule may have a better one. */
      readonly unlessEmpty?: true;
    }
  /** A message list flattened into `key.N.*`. */
  | { readonly from: "indexed"; readonly key: string /** Taken off each item. */; readonly unwrap?: string }
  /** A list with a text per item, flattened into `key.N.path`. */
  | { readonly from: "indexedText"; readonly key: string; readonly path: readonly string[] }
  /** One message per event, in the order of the events; the event's name gives the role. */
  | {
      readonly from: "messageEvents";
      readonly key: string;
      readonly events: Readonly<Record<string, string>>;
    }
  /** An attribute of an event. */
  | {
      readonly from: "event";
      readonly key: string;
      readonly event: string;
      readonly attribute: string;
      readonly shape: ContentShape;
      readonly systemAttribute?: string;
    }
  /** `METHOD target` of an HTTP span. */
  | { readonly from: "http"; readonly key: string };

export interface ContentRule {
  readonly id: string;
  readonly source: ContentSource;
  /** Of several assistant messages, which is the short form. @default "last" */
  readonly pick?: "first" | "last";
  /** Only where no span of the trace has a value by any other rule. */
  readonly weak?: true;
  /** Only where no span of the trace is above: what a span of the middle was given is not what the trace was. */
  readonly topOnly?: true;
  readonly when?: RuleCondition;
}

/** Another attribute that has to have this value, to be there, or not to be there. */
export type RuleCondition =
  | { readonly key: string; readonly value: string }
  | { readonly key: string; readonly is: "present" | "absent" };

/** The value of an attribute, as it is. */
export interface AttributeRule {
  readonly id: string;
  readonly key: string;
  /** The attribute is a JSON object, and the value this member of it: `a.b` is b of a. */
  readonly member?: string;
  /** Of the span's resource: what holds for a process, and so for all its spans. */
  readonly resource?: true;
  readonly when?: RuleCondition;
  /** Values that say nothing. */
  readonly except?: readonly string[];
  /** The name of the span's service says nothing either. */
  readonly exceptService?: true;
}

export interface KindRule extends AttributeRule {
  /** By the attribute's value, in any case and in quotes or not; a value that is not listed says nothing. */
  readonly values?: Readonly<Record<string, SpanKind>>;
  /** By how the value ends, in any case; the first that fits counts. */
  readonly endings?: Readonly<Record<string, SpanKind>>;
  /** For an attribute that says it by being there. */
  readonly present?: SpanKind;
}

/**
 * The classes emitters report. `uncached` is what is left of the input when cache reads and writes are taken off,
 * `unreasoned` what is left of the output without reasoning.
 */
export type ReportedClass =
  | "input"
  | "uncached"
  | "output"
  | "unreasoned"
  | "total"
  | "cacheRead"
  | "cacheWrite"
  | "reasoning"
  /** Parts of the input, of the cache reads, of the output, and of the cache writes that have a price of their own. */
  | "audioInput"
  | "audioCacheRead"
  | "audioOutput"
  | "longCacheWrite";

export interface UsageRule {
  readonly id: string;
  readonly key: string;
  readonly class: ReportedClass;
  /** The attribute is a JSON object, and the count the sum of these members of it that are there: `a.b` is b of a. */
  readonly members?: readonly string[];
  /** The attribute is a usage object, read by its own meaning: see `readUsageObject`. */
  readonly details?: true;
  /** Where the model is Anthropic's, the emitter passes on its API's counts: cached tokens are beside the input, not in it. */
  readonly rawAnthropic?: true;
}

/** Tiers that cost what price tables say. */
export const standardTiers: readonly string[] = [
  "auto",
  "default",
  "none",
  "on_demand",
  "service_tier_unspecified",
  "standard",
  "standard_only",
  "unspecified",
];

/** A service tier. Those that the price table's prices hold for are listed; the others have prices of their own. */
export interface TierRule extends AttributeRule {
  readonly standard: readonly string[];
}

export interface CostRule {
  readonly id: string;
  /** The cost is the sum of those that are there. USD. */
  readonly keys: readonly string[];
  /** The attributes are JSON objects, and the cost the sum of these members, or of all. */
  readonly members?: readonly string[] | "all";
}

export type LatencyUnit = "s" | "ms" | "us" | "ns";

export type FirstTokenRule =
  /** Latency from the span's start. Of several rules for one key the first that applies counts. */
  | {
      readonly id: string;
      readonly from: "attribute";
      readonly key: string;
      /** Of a JSON object. */
      readonly member?: string;
      /**
       * The unit, and others that emitters use under this name. The first that gives a plausible latency counts: at least a
       * millisecond, and where there is a choice no longer than the span.
       */
      readonly units: readonly [LatencyUnit, ...LatencyUnit[]];
      readonly when?: RuleCondition;
    }
  /** The instant itself: a date and time as ISO 8601 has it, in quotes or not, or Unix milliseconds. */
  | {
      readonly id: string;
      readonly from: "instant";
      readonly key: string;
      /** Of a JSON object. */
      readonly member?: string;
    }
  /** The earliest event of the name. */
  | { readonly id: string; readonly from: "event"; readonly key: string };

/** A span that failed says so by this, whatever its status is. */
export interface ErrorRule {
  readonly id: string;
  readonly key: string;
  readonly value: string;
  /** What went wrong. */
  readonly messageKey?: string;
}

export interface SessionRule extends AttributeRule {
  /** Smaller wins on one span. */
  readonly rank: number;
}

export type MetadataRule =
  /** A JSON object, as string or structured. */
  | { readonly id: string; readonly from: "attribute"; readonly key: string }
  /** Each attribute `key.name`, but those that have a field of their own. */
  | {
      readonly id: string;
      readonly from: "prefix";
      readonly key: string;
      readonly except: readonly string[];
    };

/**
 * One vocabulary of span attributes, as data. Of several rules for a field the first with a value wins; a field that a
 * convention has no rule for is left out.
 */
export interface Convention {
  readonly name: string;
  readonly kinds?: readonly KindRule[];
  readonly input?: readonly ContentRule[];
  readonly output?: readonly ContentRule[];
  readonly models?: readonly AttributeRule[];
  readonly providers?: readonly AttributeRule[];
  readonly usage?: readonly UsageRule[];
  readonly cost?: readonly CostRule[];
  /** How the provider bills the call: the first that is there decides. See {@link TierRule}. */
  readonly tiers?: readonly TierRule[];
  readonly firstToken?: readonly FirstTokenRule[];
  readonly errors?: readonly ErrorRule[];
  readonly sessions?: readonly SessionRule[];
  readonly users?: readonly AttributeRule[];
  /** The session of a process, where no span names one. */
  readonly resourceSessions?: readonly AttributeRule[];
  /** The user of a process, where no span names one. */
  readonly resourceUsers?: readonly AttributeRule[];
  /** A name that was given to the trace: it stands for the root's. */
  readonly traceNames?: readonly AttributeRule[];
  /** A list of strings, as array, JSON string or single string. */
  readonly tags?: readonly AttributeRule[];
  readonly metadata?: readonly MetadataRule[];
}
