import type { AttributeValue, OtlpSpan } from "@es/otlp";
import {
  ATTR_HTTP_METHOD,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_ROUTE,
  ATTR_HTTP_TARGET,
  ATTR_MESSAGING_OPERATION,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
  ATTR_RPC_SYSTEM,
  ATTR_RPC_SYSTEM_NAME,
} from "@opentelemetry/semantic-conventions/incubating";
import { candidateRules } from "../conventions/candidateRules.js";
import type { KindRule } from "../conventions/convention.js";
import { rules } from "../conventions/conventions.js";
import { holds, ruleValue } from "../conventions/ruleValue.js";
import type { SpanKind } from "../traceProjection.js";

/** A span's kind, and what says so. */
export interface SpanKindFound {
  readonly kind: SpanKind;
  /** The attribute, or `kind` for the span's own OpenTelemetry kind. */
  readonly key: string;
  readonly ruleId: string;
}

/**
 * What a span does: as the first convention has it whose attributes say it; else `server`, `client`, `producer` or
 * `consumer` as its OpenTelemetry kind, or failing that its HTTP, RPC and messaging attributes, say; else `internal`.
 */
export function spanKindOf(span: OtlpSpan): SpanKindFound {
  for (const rule of candidateRules(span, kindRules)) {
    const value = ruleValue(span, rule);
    if (value === undefined || value === null || !holds(span, rule.when)) continue;
    if (rule.foundPresent !== undefined) return rule.foundPresent;
    const found = typeof value === "string" ? kindNamed(rule, plain(value)) : undefined;
    if (found !== undefined) return found;
  }
  return byOtlpKind[span.kind] ?? byTransport(span) ?? internal;
}

interface CompiledRule extends KindRule {
  readonly foundPresent: SpanKindFound | undefined;
  readonly foundByValue: ReadonlyMap<string, SpanKindFound>;
  readonly foundByEnding: readonly (readonly [ending: string, found: SpanKindFound])[];
}

function kindNamed({ foundByValue, foundByEnding }: CompiledRule, name: string): SpanKindFound | undefined {
  return foundByValue.get(name) ?? foundByEnding.find(([ending]) => name.endsWith(ending))?.[1];
}

const kindRules: readonly CompiledRule[] = rules.kinds.map((rule) => {
  const found = (kind: SpanKind): SpanKindFound => ({ kind, key: rule.key, ruleId: rule.id });
  return {
    ...rule,
    foundPresent: rule.present === undefined ? undefined : found(rule.present),
    foundByValue: new Map(
      Object.entries(rule.values ?? {}).map(([value, kind]) => [plain(value), found(kind)]),
    ),
    foundByEnding: Object.entries(rule.endings ?? {}).map(
      ([ending, kind]) => [ending.toLowerCase(), found(kind)] as const,
    ),
  };
});

/** Some emitters change the case, and MLflow's values are JSON. */
function plain(value: string): string {
  const text = value.length > 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  return text.toLowerCase();
}

function otlp(kind: SpanKind): SpanKindFound {
  return { kind, key: "kind", ruleId: `kind.${kind}` };
}

const internal = otlp("internal");

/** By OpenTelemetry's number. An internal span is asked for its attributes, for it is also what does not say its kind. */
const byOtlpKind: readonly (SpanKindFound | undefined)[] = [
  undefined,
  undefined,
  otlp("server"),
  otlp("client"),
  otlp("producer"),
  otlp("consumer"),
];

/** What instrumentations that leave the kind out say by their attributes. */
function byTransport({ attributes }: OtlpSpan): SpanKindFound | undefined {
  if (says(attributes.get(ATTR_MESSAGING_SYSTEM))) {
    const operation =
      attributes.get(ATTR_MESSAGING_OPERATION_TYPE) ?? attributes.get(ATTR_MESSAGING_OPERATION);
    const consumes = typeof operation === "string" && /^(receive|process|deliver|settle)$/i.test(operation);
    return {
      kind: consumes ? "consumer" : "producer",
      key: ATTR_MESSAGING_SYSTEM,
      ruleId: "kind.messaging",
    };
  }
  for (const key of [ATTR_HTTP_REQUEST_METHOD, ATTR_HTTP_METHOD]) {
    if (!says(attributes.get(key))) continue;
    // Only who serves a request knows its route or has but a target.
    const serves = says(attributes.get(ATTR_HTTP_ROUTE)) || says(attributes.get(ATTR_HTTP_TARGET));
    return { kind: serves ? "server" : "client", key, ruleId: "kind.http" };
  }
  for (const key of [ATTR_RPC_SYSTEM_NAME, ATTR_RPC_SYSTEM]) {
    if (says(attributes.get(key))) return { kind: "client", key, ruleId: "kind.rpc" };
  }
  return undefined;
}

function says(value: AttributeValue | undefined): boolean {
  return value !== undefined && value !== null && value !== "";
}
