import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeTraceRequest, encodeTraceRequest, type OtlpEncoding, type OtlpSpan } from "@es/otlp";

/** Tokens in normal classes: `input` and `output` are everything, the others parts of them. */
export interface TruthUsage {
  readonly input: number;
  readonly output: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
  readonly reasoning?: number;
}

/** One request the model endpoint served, as it knows it. */
export interface TruthCall {
  readonly api: TruthApi;
  readonly model: string;
  readonly responseModel: string;
  readonly streamed: boolean;
  readonly status: number;
  /** Absent where the request failed. */
  readonly usage?: TruthUsage;
}

export type TruthApi =
  | "openai.chat"
  | "openai.responses"
  | "openai.embeddings"
  | "anthropic.messages"
  | "bedrock.converse"
  | "bedrock.invoke"
  | "gemini.generateContent";

/** What is known about a scenario without looking at its spans. */
export interface Truth {
  /** What the person asked. */
  readonly input: string;
  /** The final answer; `null` where there is none. */
  readonly output: string | null;
  readonly failed: boolean;
  /** `any`: the SDK makes it. */
  readonly sessionId: string | null;
  /** `any`: the SDK makes it. */
  readonly userId: string | null;
  /** Where it is not the invoice's: what the application itself reports, USD; `null` where there is no price. */
  readonly cost?: string | null;
  /** What kinds of spans the SDK makes besides those of model calls. */
  readonly kinds: readonly string[];
  /** When the endpoint sent the first and the last piece of the first streamed answer, Unix nanoseconds. */
  readonly firstToken: { readonly from: string; readonly to: string } | null;
  readonly calls: readonly TruthCall[];
}

interface FixtureFile {
  readonly sdk: string;
  readonly with: readonly string[];
  readonly scenario: string;
  readonly truth: Truth;
  readonly requests: readonly {
    readonly encoding: OtlpEncoding;
    readonly spans: number;
    /** As OTLP/JSON, whatever the encoding was. */
    readonly body: unknown;
  }[];
}

/** A request in the encoding it was sent in. */
export interface FixtureRequest {
  readonly encoding: OtlpEncoding;
  readonly bytes: Uint8Array;
}

/** What one scenario of one SDK sent. */
export interface Fixture {
  /** `folder/scenario` */
  readonly id: string;
  /** Whether a running SDK sent it, or it was written by hand after an SDK's documentation. */
  readonly origin: "recorded" | "handMade";
  /** `package@version` */
  readonly sdk: string;
  readonly with: readonly string[];
  readonly scenario: string;
  readonly truth: Truth;
  readonly requests: readonly FixtureRequest[];
  /** Spans as the requests' sender counted them. */
  readonly spanCount: number;
}

const folder = fileURLToPath(new URL("../fixtures/", import.meta.url));

/** Every recorded fixture, ordered by id. */
export function recordedFixtures(): readonly Fixture[] {
  const root = join(folder, "recorded");
  return readdirSync(root)
    .sort()
    .flatMap((sdk) =>
      readdirSync(join(root, sdk))
        .sort()
        .map((file) => loadFixture(`${sdk}/${file.replace(/\.json$/, "")}`)),
    );
}

function loadFixture(id: string): Fixture {
  const { requests, ...about } = JSON.parse(
    readFileSync(join(folder, "recorded", `${id}.json`), "utf8"),
  ) as FixtureFile;
  return {
    ...about,
    id,
    origin: "recorded",
    requests: requests.map(({ encoding, body }) => {
      const json = Buffer.from(JSON.stringify(body));
      const bytes =
        encoding === "json" ? json : encodeTraceRequest(decodeTraceRequest(json, "json").spans, encoding);
      return { encoding, bytes };
    }),
    spanCount: requests.reduce((sum, { spans }) => sum + spans, 0),
  };
}

/** The spans of each trace, the trace with the most spans first. */
export function tracesOf(fixture: Fixture): readonly (readonly OtlpSpan[])[] {
  const traces = new Map<string, OtlpSpan[]>();
  for (const { encoding, bytes } of fixture.requests) {
    const { spans, rejected } = decodeTraceRequest(bytes, encoding);
    if (rejected.length > 0) throw new Error(`${fixture.id}: ${rejected[0]?.reason}`);
    for (const span of spans) {
      const trace = traces.get(span.traceId);
      if (trace === undefined) traces.set(span.traceId, [span]);
      else trace.push(span);
    }
  }
  return [...traces.values()].sort((a, b) => b.length - a.length);
}
