import { compareIds } from "@es/core/adapter";
import type { AttributeValue, OtlpSpan, TimedEvent } from "@es/otlp";
import {
  ATTR_ERROR_MESSAGE,
  ATTR_ERROR_TYPE,
  ATTR_EXCEPTION_MESSAGE,
  ATTR_EXCEPTION_TYPE,
} from "@opentelemetry/semantic-conventions/incubating";
import { Abridged } from "../attributes/abridged.js";
import { attributeToAbridged, attributeToName } from "../attributes/attributeText.js";
import { rules } from "../conventions/conventions.js";
import { oncePerSpan } from "./foldedSpan.js";

const EXCEPTION_EVENT = "exception";

export interface SpanError {
  readonly type: string | null;
  readonly message: string | null;
  /** What gave the message, or the type if there is no message. */
  readonly key: string;
  readonly ruleId: string;
  /** Values that `message` has but notes for: they are nested too deeply. */
  readonly tooDeep?: number;
}

/** Whether a span failed: by its status, or as its convention says it. */
export const hasFailed = oncePerSpan(
  (span) =>
    span.status.code === 2 || rules.errors.some(({ key, value }) => span.attributes.get(key) === value),
);

/** What went wrong in a failed span: its newest exception event says, then its attributes, then its status message. */
export function readSpanError(span: OtlpSpan): SpanError {
  const exception = newestException(span);
  const type =
    attributeToName(exception?.attributes.get(ATTR_EXCEPTION_TYPE)) ??
    attributeToName(span.attributes.get(ATTR_ERROR_TYPE)) ??
    attributeToName(span.attributes.get(ATTR_EXCEPTION_TYPE)) ??
    null;
  for (const message of errorMessages(span)) return { type, ...message };
  return { type, message: null, ...statusMessage };
}

const statusMessage = { key: "status", ruleId: "error.status" } as const;

/** What a failed span says went wrong, the one to take first. */
export function* errorMessages(
  span: OtlpSpan,
): Generator<Omit<SpanError, "type" | "message"> & { readonly message: string }, undefined> {
  const fromEvent = textOf(newestException(span)?.attributes.get(ATTR_EXCEPTION_MESSAGE));
  if (fromEvent !== undefined) {
    yield { ...fromEvent, key: EXCEPTION_EVENT, ruleId: "error.exception-event" };
  }
  for (const key of [ATTR_EXCEPTION_MESSAGE, ATTR_ERROR_MESSAGE]) {
    const message = textOf(span.attributes.get(key));
    if (message !== undefined) yield { ...message, key, ruleId: "error.attribute" };
  }
  for (const { id, key, value, messageKey } of rules.errors) {
    if (messageKey === undefined || span.attributes.get(key) !== value) continue;
    const message = textOf(span.attributes.get(messageKey));
    if (message !== undefined) yield { ...message, key: messageKey, ruleId: id };
  }
  const { message } = span.status;
  if (message !== "") yield { message: message.toWellFormed(), ...statusMessage };
}

/** When a failed span failed: at its newest exception, else at its end. Unix nanoseconds, 0 if unknown. */
export const failedAt = oncePerSpan((span) => {
  const exception = newestException(span);
  return exception !== undefined && exception.timeUnixNano !== 0n
    ? exception.timeUnixNano
    : span.endTimeUnixNano;
});

/** Of those that failed at one instant the innermost is first: it started last. */
export function failedBefore(a: OtlpSpan, b: OtlpSpan): boolean {
  const [at, bt] = [failedAt(a), failedAt(b)];
  if (at !== bt) return at !== 0n && (bt === 0n || at < bt);
  if (a.startTimeUnixNano !== b.startTimeUnixNano) return a.startTimeUnixNano > b.startTimeUnixNano;
  return compareIds(a.spanId, b.spanId) < 0;
}

function newestException(span: OtlpSpan): TimedEvent | undefined {
  let newest: TimedEvent | undefined;
  for (const event of span.events) {
    if (event.name !== EXCEPTION_EVENT) continue;
    if (newest === undefined || event.timeUnixNano >= newest.timeUnixNano) newest = event;
  }
  return newest;
}

function textOf(
  value: AttributeValue | undefined,
): { readonly message: string; readonly tooDeep?: number } | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const text = attributeToAbridged(value);
  return text instanceof Abridged
    ? { message: text.text.toWellFormed(), tooDeep: text.tooDeep }
    : { message: text.toWellFormed() };
}
