import type { AttributeValue, OtlpSpan } from "@es/otlp";
import {
  ATTR_HTTP_METHOD,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_ROUTE,
  ATTR_HTTP_TARGET,
  ATTR_HTTP_URL,
  ATTR_URL_FULL,
  ATTR_URL_PATH,
  EVENT_GEN_AI_CHOICE,
} from "@opentelemetry/semantic-conventions/incubating";
import { Abridged, abridgedText } from "../attributes/abridged.js";
import { attributeToAbridged, attributeToJson, attributeToText } from "../attributes/attributeText.js";
import { readIndexedList } from "../attributes/indexedAttributes.js";
import { candidateRules } from "../conventions/candidateRules.js";
import type { ContentRule, ContentShape, ContentSource } from "../conventions/convention.js";
import { rules } from "../conventions/conventions.js";
import { holds } from "../conventions/ruleValue.js";
import { oncePerSpan } from "../spans/foldedSpan.js";
import type { Json } from "../traceProjection.js";
import { sanitizeJson } from "./contentLimits.js";
import { asMessages, assistantText, isObject, lastUserText, systemMessage } from "./messages.js";

/** A value as a rule read it, whole. */
export interface ReadValue {
  readonly text: string;
  readonly mimeType?: string;
  readonly messages?: readonly Json[];
  readonly unparsed?: true;
  /** Values that `text`, made of the whole value, has but notes for: they are nested too deeply. Those of `messages` stand there. */
  readonly tooDeep?: number;
}

export type ContentSide = "input" | "output";

type Parsed = { readonly json: Json } | undefined;

/** Whether some rule can find something in the span: most spans of most traces have no content at all. */
export function mayHaveContent(span: OtlpSpan, side: ContentSide): boolean {
  return mayHave[side](span);
}

const mayHave = {
  input: oncePerSpan((span) => candidateRules(span, rules.input).length > 0),
  output: oncePerSpan((span) => candidateRules(span, rules.output).length > 0),
} as const;

/** Reads one span by one rule; undefined if the rule finds nothing there. An empty string is something. */
export function readContent(span: OtlpSpan, rule: ContentRule, side: ContentSide): ReadValue | undefined {
  const shortForm = (messages: readonly Json[]) =>
    side === "input" ? lastUserText(messages) : assistantText(messages, rule.pick ?? "last");
  return holds(span, rule.when) ? readSource(span, rule.source, shortForm, side) : undefined;
}

type ShortForm = (messages: readonly Json[]) => string;

function readSource(
  span: OtlpSpan,
  source: ContentSource,
  shortForm: ShortForm,
  side: ContentSide,
): ReadValue | undefined {
  switch (source.from) {
    case "attribute": {
      const value = present(span.attributes.get(source.key));
      if (value === undefined) return undefined;
      if (source.unlessEmpty === true && (value === "" || value === "[]" || value === "{}")) return undefined;
      if (source.shape === "events") return readListedEvents(value, side, shortForm);
      const system = source.systemKey === undefined ? undefined : span.attributes.get(source.systemKey);
      const mimeType = source.mimeTypeKey === undefined ? undefined : span.attributes.get(source.mimeTypeKey);
      return readValue(value, source.shape, shortForm, mimeType, system);
    }
    case "event": {
      for (const event of span.events) {
        if (event.name !== source.event) continue;
        const value = present(event.attributes.get(source.attribute));
        if (value === undefined) continue;
        const system =
          source.systemAttribute === undefined
            ? undefined
            : (event.attributes.get(source.systemAttribute) ??
              besideIn(span, source.event, source.systemAttribute));
        const read = readValue(value, source.shape, shortForm, undefined, system);
        if (read !== undefined) return read;
      }
      return undefined;
    }
    case "messageEvents":
      return readMessageEvents(span, source.events, shortForm);
    case "indexed": {
      const list = readIndexedList(span.attributes, source.key);
      if (list === undefined || list.length === 0) return undefined;
      const { unwrap } = source;
      const messages =
        unwrap === undefined ? list : list.map((item) => (isObject(item) ? (item[unwrap] ?? item) : item));
      return { text: shortForm(messages).toWellFormed(), messages };
    }
    case "indexedText": {
      const list = readIndexedList(span.attributes, source.key);
      const texts = list?.map((item) => textAt(item, source.path)).filter((text) => text !== undefined);
      if (texts === undefined || texts.length === 0) return undefined;
      const read = texts.map(textRead);
      const tooDeep = read.reduce((sum, item) => sum + (item.tooDeep ?? 0), 0);
      return { text: read.map(({ text }) => text).join("\n"), ...(tooDeep === 0 ? {} : { tooDeep }) };
    }
    case "http":
      return readHttpTarget(span);
  }
}

/** An attribute that another event of the name has: some emitters have an event for each. */
function besideIn({ events }: OtlpSpan, name: string, attribute: string): AttributeValue | undefined {
  return events
    .find((event) => event.name === name && event.attributes.has(attribute))
    ?.attributes.get(attribute);
}

/** Message events that stand as a list in one attribute. */
function readListedEvents(
  value: AttributeValue,
  side: ContentSide,
  shortForm: ShortForm,
): ReadValue | undefined {
  const json = typeof value === "string" ? parseJson(value)?.json : attributeToJson(value);
  if (!Array.isArray(json)) return undefined;
  const messages = (json as readonly Json[]).flatMap((event) => {
    if (!isObject(event)) return [];
    const { "event.name": name, message, ...fields } = event;
    const isChoice = name === EVENT_GEN_AI_CHOICE || (name === undefined && isObject(message));
    if (isChoice !== (side === "output")) return [];
    return isObject(message) ? [message] : [fields];
  });
  return messages.length === 0 ? undefined : { text: shortForm(messages).toWellFormed(), messages };
}

function present(value: AttributeValue | undefined): AttributeValue | undefined {
  return value === null ? undefined : value;
}

function readValue(
  value: AttributeValue,
  shape: ContentShape,
  shortForm: ShortForm,
  mimeTypeValue: AttributeValue | undefined,
  system: AttributeValue | undefined,
): ReadValue | undefined {
  const whole = textRead(attributeToAbridged(value));
  const text = whole.text.toWellFormed();
  const declared = typeof mimeTypeValue === "string" && mimeTypeValue !== "" ? mimeTypeValue : undefined;
  const plain: ReadValue = { ...whole, text, ...(declared === undefined ? {} : { mimeType: declared }) };
  if (shape === "text") return plain;

  const mustBeJson = shape !== "json" || declared === "application/json";
  const parsed = typeof value === "string" ? parseJson(text, mustBeJson) : { json: attributeToJson(value) };
  if (parsed === undefined) {
    return mustBeJson && text !== "" ? { ...plain, unparsed: true } : plain;
  }
  return readJson(
    shape === "call" ? argumentOf(parsed.json) : shape === "typed" ? untyped(parsed.json) : parsed.json,
    {
      plain,
      declared,
      mustBeJson,
      shape,
      shortForm,
      system,
    },
  );
}

interface JsonReading {
  /** The value as it was. */
  readonly plain: ReadValue;
  readonly declared: string | undefined;
  readonly mustBeJson: boolean;
  readonly shape: ContentShape;
  readonly shortForm: ShortForm;
  readonly system: AttributeValue | undefined;
}

function readJson(
  json: Json,
  { plain, declared, mustBeJson, shape, shortForm, system }: JsonReading,
): ReadValue | undefined {
  // A number or boolean in JSON is plain text to any reader, and so is a string once it is taken out.
  if (typeof json !== "object" || json === null) {
    return mustBeJson && typeof json === "string" ? { ...plain, text: json } : plain;
  }
  const prompt = shape === "prompt" ? promptMessages(json) : undefined;
  // A list without a message in it says nothing.
  if (shape === "messages" && Array.isArray(json) && json.length === 0) return undefined;
  const found =
    prompt ?? asMessages(json) ?? (shape === "messages" && Array.isArray(json) ? json : undefined);
  if (found === undefined) {
    const said = saidIn(json) ?? soleText(json);
    if (said !== undefined) return { text: said };
    // What was taken out of something else is written anew.
    const rest = shape === "call" || shape === "typed" ? textRead(abridgedText(json)) : plain;
    return { ...rest, mimeType: declared ?? "application/json" };
  }
  const messages = withSystem(found, system);
  return {
    text: shortForm(found).toWellFormed(),
    ...(declared === undefined ? {} : { mimeType: declared }),
    messages,
  };
}

function textRead(text: string | Abridged): Pick<ReadValue, "text" | "tooDeep"> {
  return text instanceof Abridged ? { text: text.text, tooDeep: text.tooDeep } : { text };
}

/** The one argument of a call that has but one. */
function argumentOf(json: Json): Json {
  if (!isObject(json) || !Array.isArray(json.args) || json.args.length !== 1) return json;
  const isAlone = !isObject(json.kwargs) || Object.keys(json.kwargs).length === 0;
  return isAlone ? (json.args[0] as Json) : json;
}

/** What is in `{ type, value }`; of a list with one, that one. */
function untyped(json: Json): Json {
  if (!isObject(json) || typeof json.type !== "string" || json.value === undefined) return json;
  const { type, value } = json;
  return type === "list" && Array.isArray(value) && value.length === 1 ? untyped(value[0] as Json) : value;
}

/** Names under which a result, or the one argument of a function, is wrapped. */
const wrappings = ["text", "input", "inputs", "output", "outputs", "completion", "prompt", "query"] as const;

/** The text in an object that says nothing else in words, as `{ text, files: [] }` does. */
function saidIn(json: Json): string | undefined {
  if (!isObject(json)) return undefined;
  // Logfire's, of an answer that was streamed; the number of chunks is beside it.
  if (typeof json.combined_chunk_content === "string") return json.combined_chunk_content;
  const rest = Object.values(json).filter((value) => !(Array.isArray(value) && value.length === 0));
  if (rest.length !== 1) return undefined;
  const key = wrappings.find((name) => typeof json[name] === "string");
  return key === undefined ? undefined : (json[key] as string);
}

/** The one text of a list of texts, as of the choices of an answer. */
function soleText(json: Json): string | undefined {
  return Array.isArray(json) && json.length === 1 && typeof json[0] === "string" ? json[0] : undefined;
}

/** Only what looks like JSON is parsed, where text is allowed too: a sentence that starts with a digit stays one. */
function parseJson(text: string, mustBeJson = false): Parsed {
  if (!mustBeJson && !/^\s*[[{"]/.test(text)) return undefined;
  try {
    return { json: sanitizeJson(JSON.parse(text)) };
  } catch {
    return undefined;
  }
}

/** `{ system?, prompt }` of the AI SDK as messages; `{ messages }` is left to `asMessages`. */
function promptMessages(json: Json): readonly Json[] | undefined {
  if (!isObject(json)) return undefined;
  const { prompt, system } = json;
  const list =
    typeof prompt === "string"
      ? [{ role: "user", content: prompt }]
      : Array.isArray(prompt)
        ? asMessages(prompt)
        : undefined;
  if (list === undefined) return undefined;
  return system === undefined || system === null ? list : [systemMessage(system), ...list];
}

function withSystem(messages: readonly Json[], system: AttributeValue | undefined): readonly Json[] {
  if (system === undefined || system === null) return messages;
  const parsed = typeof system === "string" ? parseJson(system) : { json: attributeToJson(system) };
  const parts = parsed?.json ?? attributeToText(system).toWellFormed();
  return [Array.isArray(parts) ? { role: "system", parts } : { role: "system", content: parts }, ...messages];
}

function readMessageEvents(
  span: OtlpSpan,
  names: Readonly<Record<string, string>>,
  shortForm: ShortForm,
): ReadValue | undefined {
  const messages: Json[] = [];
  for (const event of span.events) {
    if (!Object.hasOwn(names, event.name)) continue;
    const role = names[event.name] as string;
    // The body travels as one JSON attribute, or its fields as attributes.
    const body = event.attributes.get("gen_ai.event.content") ?? event.attributes.get("event_body");
    const parsed = typeof body === "string" ? parseJson(body) : undefined;
    const fields: Json =
      parsed !== undefined && isObject(parsed.json)
        ? parsed.json
        : body !== undefined && body !== null
          ? { content: attributeToJson(body) }
          : Object.fromEntries(
              [...event.attributes]
                .filter(([key]) => !key.startsWith("gen_ai."))
                .map(([key, value]): [string, Json] => [key.toWellFormed(), openJson(value)]),
            );
    messages.push(isObject(fields) ? { role, ...fields } : fields);
  }
  if (messages.length === 0) return undefined;
  return { text: shortForm(messages).toWellFormed(), messages };
}

/** A structured value, or the JSON object or list in a string. */
function openJson(value: AttributeValue): Json {
  const parsed = typeof value === "string" && /^\s*[[{]/.test(value) ? parseJson(value) : undefined;
  return parsed?.json ?? attributeToJson(value);
}

function textAt(value: Json, path: readonly string[]): string | Abridged | undefined {
  let at: Json | undefined = value;
  for (const step of path) at = isObject(at) ? at[step] : undefined;
  return at === undefined || at === null ? undefined : abridgedText(at);
}

function readHttpTarget(span: OtlpSpan): ReadValue | undefined {
  const { attributes } = span;
  const method = attributes.get(ATTR_HTTP_REQUEST_METHOD) ?? attributes.get(ATTR_HTTP_METHOD);
  if (typeof method !== "string" || method === "") return undefined;
  const target = [ATTR_URL_PATH, ATTR_HTTP_TARGET, ATTR_HTTP_ROUTE, ATTR_URL_FULL, ATTR_HTTP_URL]
    .map((key) => attributes.get(key))
    .find((value) => typeof value === "string" && value !== "");
  return { text: typeof target === "string" ? `${method} ${target}`.toWellFormed() : method };
}
