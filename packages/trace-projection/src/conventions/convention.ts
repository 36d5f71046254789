import type { SpanRole } from "../traceProjection.js";

/**
 * How to read an input or output.
 *
 * `text` is taken as it is. `json` is text, or JSON that may hold a message list; `encoded` is always JSON, a plain
 * text too. `messages` has to be a message list, as a JSON
 * string or a structured value. `prompt` is the AI SDK's `{ system, prompt | messages }`.
 */
export type ContentShape = "text" | "json" | "encoded" | "messages" | "prompt";

export type ContentSource =
  | {
      readonly from: "attribute";
      readonly key: string;
      readonly shape: ContentShape;
      /** The attribute with the value's mime type. */
      readonly mimeTypeKey?: string;
      /** The attribute with the system instructions, which then come first in the message list. */
      readonly systemKey?: string;
      /** An empty string or list is no value here: another rule may have a better one. */
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
}

/** The value of an attribute, as it is. */
export interface AttributeRule {
  readonly id: string;
  readonly key: string;
}

export interface RoleRule extends AttributeRule {
  /** By the attribute's value; a value that is not listed says nothing. */
  readonly values?: Readonly<Record<string, SpanRole>>;
  /** For an attribute that says it by being there. */
  readonly present?: SpanRole;
}

/** The classes emitters report. `uncached` is what is left of the input when cache reads and writes are taken off. */
export type ReportedClass =
  | "input"
  | "uncached"
  | "output"
  | "total"
  | "cacheRead"
  | "cacheWrite"
  | "reasoning";

export interface UsageRule extends AttributeRule {
  readonly class: ReportedClass;
  /** Where the model is Anthropic's, the emitter passes on its API's counts: cached tokens are beside the input, not in it. */
  readonly rawAnthropic?: true;
}

export interface CostRule {
  readonly id: string;
  /** The cost is the sum of those that are there. USD. */
  readonly keys: readonly string[];
}

export type FirstTokenRule =
  /** Latency from the span's start. */
  | { readonly id: string; readonly from: "attribute"; readonly key: string; readonly unit: "s" | "ms" }
  /** The earliest event of the name. */
  | { readonly id: string; readonly from: "event"; readonly key: string };

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
  readonly roles?: readonly RoleRule[];
  readonly input?: readonly ContentRule[];
  readonly output?: readonly ContentRule[];
  readonly models?: readonly AttributeRule[];
  readonly providers?: readonly AttributeRule[];
  readonly usage?: readonly UsageRule[];
  readonly cost?: readonly CostRule[];
  readonly firstToken?: readonly FirstTokenRule[];
  readonly sessions?: readonly SessionRule[];
  readonly users?: readonly AttributeRule[];
  /** A list of strings, as array, JSON string or single string. */
  readonly tags?: readonly AttributeRule[];
  readonly metadata?: readonly MetadataRule[];
}
