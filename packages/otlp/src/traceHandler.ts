import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { BodyMemory } from "./bodyMemory.js";
import { type BudgetRefusal, ByteBudget } from "./byteBudget.js";
import { OtlpDecodeError } from "./decodeError.js";
import { clip } from "./decodeReport.js";
import { type DecodedTraceRequest, decodeInSteps, type OtlpEncoding } from "./decodeTraceRequest.js";
import { DecodeTurns } from "./decodeTurns.js";
import {
  contentTypes,
  encodeStatus,
  encodeTraceResponse,
  rpcCode,
  type TracePartialSuccess,
} from "./encodeReply.js";
import { isOtlpRefusedError, isOtlpUnavailableError, type OtlpRetryableStatus } from "./handlerErrors.js";
import { reply } from "./lingeringReply.js";
import { type BodyProblem, type BodyResult, contentCoding, readBody } from "./requestBody.js";
import { defaultMaxRepeatedBytes } from "./rowRepeats.js";
import type { OtlpSpan } from "./span.js";
import type { SpanEncoder } from "./spanEncoder.js";
import { warningListener } from "./warningListener.js";

/** The good spans of one request. */
export interface OtlpTraceBatch<Context, Encoded = never> {
  /** Those the encoder took are not among them. A request without a good span is answered without a call. */
  readonly spans: readonly OtlpSpan[];
  /** What the encoder made, if there is one that took spans. */
  readonly encoded: Encoded | undefined;
  /** What `authenticate` returned. */
  readonly context: Context;
  /** Bytes of the request after inflation. */
  readonly byteLength: number;
}

/** A span that `export` refuses, because it never can be stored, while it took the others. */
export interface OtlpRefusedSpan {
  readonly span: OtlpSpan;
  readonly reason: string;
}

export interface OtlpExportResult {
  readonly rejected?: readonly OtlpRefusedSpan[];
}

export interface OtlpTraceHandlerBaseOptions<Context, Encoded = never> {
  /**
   * Takes the spans. When it returns, the client is told that they are safe. `signal` aborts when the client is gone before
   * its reply.
   *
   * `OtlpUnavailableError` makes the client try again, `OtlpRefusedError` makes it give up; both messages reach the client.
   * Anything else is answered 500 without detail and given to `onError`.
   */
  readonly export: (
    batch: OtlpTraceBatch<Context, Encoded>,
    options: { readonly signal: AbortSignal },
    // biome-ignore lint/suspicious/noConfusingVoidType: a function without a result must fit
  ) => Promise<OtlpExportResult | void>;
  /**
   * Makes what takes the spans of a request of `byteLength` bytes without making objects of them; without one, or with
   * undefined, they come as `spans`.
   */
  readonly createEncoder?: (context: Context, byteLength: number) => SpanEncoder<Encoded> | undefined;
  /**
   * Gets every error that is answered with a status of 500 or above, and what `authenticate` threw.
   * @default a warning of the process, each message at most once a minute; of `authenticate` only that it threw
   */
  readonly onError?: (error: unknown, answer: { readonly status: number }) => void;
  /** Default `/v1/traces`. */
  readonly path?: string;
  /** Largest body after inflation; 413 beyond. Default 64 000 000. */
  readonly maxBodyBytes?: number;
  /** Largest body before inflation when it is compressed; 413 beyond. Default 16 777 216. */
  readonly maxCompressedBytes?: number;
  /**
   * Bytes of all requests in flight, after inflation, as they come in; 429 beyond. Also counted are those of resources and scopes
   * that rows repeat beyond the bytes of their request. Default 256 000 000.
   */
  readonly maxInFlightBytes?: number;
  /**
   * Whose a request is, for fairness: tenants take turns in being decoded, and none may fill `maxInFlightBytes`. Without it
   * all requests are one tenant's.
   */
  readonly tenantOf?: (context: Context) => string;
  /**
   * Bytes of one tenant's requests in flight; 429 beyond. Default half of `maxInFlightBytes`, but at least one largest
   * request; without `tenantOf` all of it.
   */
  readonly maxInFlightBytesPerTenant?: number;
  /**
   * How long a body may take to arrive; 408 beyond. Also answered 408 is a body of which less than a tenth more came in a sixth
   * of that time. Default 30 000.
   */
  readonly requestTimeoutMs?: number;
  /** What a 429 for bytes in flight tells the client to wait: so many seconds to twice as many, by chance. Default 1. */
  readonly retryAfterSeconds?: number;
  /** See `DecodeTraceRequestOptions.maxItems`. */
  readonly maxItems?: number;
}

/**
 * Who sends, from the headers, before the body is read. Whatever it throws is answered 401, except for
 * `OtlpRefusedError` and `OtlpUnavailableError`, which bring their own status.
 */
export type OtlpAuthenticate<Context> = (headers: IncomingHttpHeaders) => Context | Promise<Context>;

export type OtlpTraceHandlerOptions<Context, Encoded = never> = OtlpTraceHandlerBaseOptions<
  Context,
  Encoded
> &
  (undefined extends Context
    ? { readonly authenticate?: OtlpAuthenticate<Context> }
    : { readonly authenticate: OtlpAuthenticate<Context> });

/** Resolves when the reply has been handed over; never rejects. */
export type OtlpTraceHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const STRANGERS_BYTES = 4 * 1024 * 1024;
const MESSAGE_LIMIT = 2_000;
const DESCRIBED_REASONS = 5;

/**
 * An OTLP/HTTP trace endpoint for `node:http`.
 *
 * @throws RangeError when a limit is not a positive integer or `maxInFlightBytes` cannot hold one largest request
 */
export function createOtlpTraceHandler<Context = undefined, Encoded = never>(
  options: OtlpTraceHandlerOptions<Context, Encoded>,
): OtlpTraceHandler {
  const path = options.path ?? "/v1/traces";
  const maxBodyBytes = positive("maxBodyBytes", options.maxBodyBytes ?? 64_000_000);
  const maxCompressedBytes = positive("maxCompressedBytes", options.maxCompressedBytes ?? 16 * 1024 * 1024);
  const maxInFlightBytes = positive("maxInFlightBytes", options.maxInFlightBytes ?? 256_000_000);
  const requestTimeoutMs = positive("requestTimeoutMs", options.requestTimeoutMs ?? 30_000);
  const retryAfterSeconds = positive("retryAfterSeconds", options.retryAfterSeconds ?? 1);
  const maxInFlightBytesPerTenant = positive(
    "maxInFlightBytesPerTenant",
    options.maxInFlightBytesPerTenant ??
      (options.tenantOf === undefined
        ? maxInFlightBytes
        : Math.max(Math.floor(maxInFlightBytes / 2), Math.min(maxBodyBytes, maxInFlightBytes))),
  );
  for (const [name, limit] of Object.entries({ maxInFlightBytes, maxInFlightBytesPerTenant })) {
    if (limit >= maxBodyBytes) continue;
    throw new RangeError(`${name} (${limit}) must hold one largest request: maxBodyBytes (${maxBodyBytes}).`);
  }
  const decodeOptions =
    options.maxItems === undefined ? {} : { maxItems: positive("maxItems", options.maxItems) };
  const budget = new ByteBudget(maxInFlightBytes, maxInFlightBytesPerTenant);
  const memory = new BodyMemory();
  const turns = new DecodeTurns();
  const onError = options.onError ?? warnings();
  const limits = { maxBodyBytes, maxCompressedBytes, requestTimeoutMs };

  return async (request, response) => {
    const encoding = contentEncoding(request.headers["content-type"]);
    const send = (answer: Answer): void => {
      if (answer.cause !== undefined) onError(answer.cause.error, { status: answer.status });
      const replyEncoding = encoding ?? "json";
      const headers = { ...answer.headers, "Content-Type": contentTypes[replyEncoding] };
      const body = !("rpcCode" in answer)
        ? encodeTraceResponse(answer.partialSuccess, replyEncoding)
        : encodeStatus(answer.rpcCode, clip(answer.message, MESSAGE_LIMIT), replyEncoding);
      // Who may not send at all has no claim to be listened to for long.
      const isStranger = answer.status === 401 || answer.status === 403;
      reply(request, response, answer.status, headers, body, isStranger ? STRANGERS_BYTES : maxBodyBytes * 2);
    };
    try {
      const answer = await serve(request, response, encoding);
      if (answer !== undefined) send(answer);
    } catch (error) {
      send(internal(error));
    }
  };

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    encoding: OtlpEncoding | undefined,
  ): Promise<Answer | undefined> {
    const requestPath = request.url?.split("?", 1)[0] ?? "";
    if (requestPath !== path) {
      return refusal(
        404,
        rpcCode.notFound,
        `There is nothing at ${clip(requestPath, 200)}; send traces to ${path}.`,
      );
    }
    if (request.method !== "POST") {
      const message = `${request.method} is not allowed; send traces by POST.`;
      return { ...refusal(405, rpcCode.unimplemented, message), headers: { Allow: "POST" } };
    }
    const repeated = repeatedHeader(request);
    if (repeated !== undefined) {
      const message = `The request brings the header ${repeated} with two different values; send one.`;
      return refusal(400, rpcCode.invalidArgument, message);
    }
    if (encoding === undefined) {
      const found = request.headers["content-type"];
      const message = `Content-Type must be application/x-protobuf or application/json, ${given(found)}.`;
      return refusal(415, rpcCode.invalidArgument, message);
    }
    const coding = contentCoding(request.headers["content-encoding"]);
    if (coding === undefined) {
      const found = request.headers["content-encoding"];
      return refusal(
        415,
        rpcCode.invalidArgument,
        `Content-Encoding must be gzip, deflate or identity, ${given(found)}.`,
      );
    }

    // One signal for the whole request: the client is gone when the response closes before it was sent.
    const abort = new AbortController();
    response.once("close", () => {
      if (!response.writableFinished) abort.abort(new Error("The client closed the connection."));
    });

    let context: Context;
    try {
      context = (await options.authenticate?.(request.headers)) as Context;
    } catch (error) {
      if (isOtlpUnavailableError(error) || isOtlpRefusedError(error)) return thrown(error);
      const message = "The credentials of this request are missing or wrong.";
      const headers = { "WWW-Authenticate": "Bearer" };
      return { ...refusal(401, rpcCode.unauthenticated, message), headers, cause: { error } };
    }

    const tenant = options.tenantOf?.(context) ?? "";
    const share = budget.shareOf(tenant);
    const body = await readBody(request, coding, limits, share, memory);
    if (!body.ok) return bodyAnswer(body);
    let { taken } = body;
    try {
      const { length } = body.bytes;
      const maxRepeatedBytes = Math.min(defaultMaxRepeatedBytes(length), maxInFlightBytesPerTenant);
      const takeRepeated = (bytes: number): void => {
        const problem = share.take(bytes);
        if (problem !== undefined) throw new OverBudget(problem);
        taken += bytes;
      };
      let encoder: SpanEncoder<Encoded> | undefined;
      let decoded: DecodedTraceRequest;
      try {
        encoder = options.createEncoder?.(context, length);
        const limits = { ...decodeOptions, maxRepeatedBytes };
        decoded = await turns.run(tenant, decodeInSteps(body.bytes, encoding, limits, encoder, takeRepeated));
      } catch (error) {
        if (error instanceof OverBudget) return bodyAnswer({ ok: false, problem: error.problem, detail: "" });
        if (!(error instanceof OtlpDecodeError)) throw error;
        const status = error.code === "too_many_items" || error.code === "too_many_repeats" ? 413 : 400;
        return refusal(
          status,
          status === 413 ? rpcCode.resourceExhausted : rpcCode.invalidArgument,
          error.message,
        );
      } finally {
        // Nothing that was decoded is part of it.
        body.free();
      }
      const batch = {
        spans: decoded.spans,
        encoded: encoder?.finish(),
        context,
        byteLength: body.bytes.length,
      };
      let result: OtlpExportResult | undefined;
      if (batch.spans.length > 0 || batch.encoded !== undefined) {
        try {
          result = (await options.export(batch, { signal: abort.signal })) ?? undefined;
        } catch (error) {
          return thrown(error);
        }
      }
      return { status: 200, partialSuccess: partialSuccess(decoded, result?.rejected ?? []) };
    } finally {
      share.release(taken);
    }
  }

  function bodyAnswer(body: Extract<BodyResult, { ok: false }>): Answer | undefined {
    const answers: Record<BodyProblem, () => Answer | undefined> = {
      too_large: () =>
        tooLarge(
          `The body has ${body.detail}; the limit is ${maxBodyBytes} after inflation. Send smaller batches.`,
        ),
      too_large_compressed: () =>
        tooLarge(
          `The compressed body has ${body.detail}; the limit is ${maxCompressedBytes}. Send smaller batches.`,
        ),
      over_share: () =>
        retryLater(
          429,
          jittered(retryAfterSeconds),
          "The server holds as many bytes of your requests as it may; send this one again, and less at once.",
        ),
      over_limit: () =>
        retryLater(
          429,
          jittered(retryAfterSeconds),
          "The server holds as many bytes of requests as it may; send this one again.",
        ),
      timeout: () =>
        refusal(408, rpcCode.deadlineExceeded, `The body did not arrive within ${requestTimeoutMs} ms.`),
      stalled: () =>
        refusal(
          408,
          rpcCode.deadlineExceeded,
          "The body comes too slowly: the server does not hold what came of it any longer.",
        ),
      corrupt: () =>
        refusal(
          400,
          rpcCode.invalidArgument,
          `The body cannot be inflated: ${body.detail}. It is cut off or corrupt.`,
        ),
      disconnected: () => undefined,
    };
    return answers[body.problem]();
  }
}

/** The rows of a request cannot have the bytes now that they repeat. */
class OverBudget extends Error {
  readonly problem: BudgetRefusal;

  constructor(problem: BudgetRefusal) {
    super(problem);
    this.problem = problem;
  }
}

type Answer =
  | {
      readonly status: 200;
      readonly partialSuccess: TracePartialSuccess | undefined;
      readonly headers?: undefined;
      readonly cause?: undefined;
    }
  | {
      readonly status: number;
      readonly partialSuccess?: undefined;
      readonly rpcCode: number;
      readonly message: string;
      readonly headers?: Readonly<Record<string, string>>;
      /** For `onError`. */
      readonly cause?: { readonly error: unknown };
    };
type Refusal = Extract<Answer, { rpcCode: number }>;

function refusal(status: number, code: number, message: string): Refusal {
  return { status, rpcCode: code, message };
}

function tooLarge(message: string): Refusal {
  return refusal(413, rpcCode.resourceExhausted, message);
}

function retryLater(status: OtlpRetryableStatus, seconds: number, message: string): Refusal {
  const codes = {
    429: rpcCode.resourceExhausted,
    502: rpcCode.unavailable,
    503: rpcCode.unavailable,
    504: rpcCode.deadlineExceeded,
  };
  const retryAfter = Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : 5;
  return { ...refusal(status, codes[status], message), headers: { "Retry-After": String(retryAfter) } };
}

/** The default of `onError`. */
function warnings(): (error: unknown, answer: { readonly status: number }) => void {
  const warn = warningListener("createOtlpTraceHandler");
  return (error, { status }) =>
    // Wrong credentials may bring a message of their own each; it is the sender who chooses them.
    warn(
      status === 401 ? "`authenticate` threw, so requests are refused. Give `onError` to learn why." : error,
    );
}

/** Clients that were refused together shall not come back together. */
function jittered(seconds: number): number {
  return Math.round(seconds * (1 + Math.random()));
}

function internal(error: unknown): Refusal {
  return { ...refusal(500, rpcCode.internal, "The server failed to take these spans."), cause: { error } };
}

function thrown(error: unknown): Refusal {
  if (isOtlpUnavailableError(error)) {
    return { ...retryLater(error.status, error.retryAfterSeconds, error.message), cause: { error } };
  }
  if (isOtlpRefusedError(error)) {
    const codes = {
      400: rpcCode.invalidArgument,
      401: rpcCode.unauthenticated,
      403: rpcCode.permissionDenied,
      413: rpcCode.resourceExhausted,
    };
    const answer = refusal(error.status, codes[error.status], error.message);
    return error.challenge === undefined
      ? answer
      : { ...answer, headers: { "WWW-Authenticate": error.challenge } };
  }
  return internal(error);
}

/** The encoding that a Content-Type names, whatever its parameters. */
function contentEncoding(contentType: string | undefined): OtlpEncoding | undefined {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === contentTypes.protobuf) return "protobuf";
  return type === contentTypes.json ? "json" : undefined;
}

/** Headers that say who sends and what. Node.js keeps the first of several; a proxy may have read another. */
const SINGLE_HEADERS = ["authorization", "x-api-key", "content-type", "content-encoding"];

function repeatedHeader({ headersDistinct }: IncomingMessage): string | undefined {
  return SINGLE_HEADERS.find((name) => {
    const values = headersDistinct[name];
    return values !== undefined && values.length > 1 && values.some((value) => value !== values[0]);
  });
}

function given(header: string | undefined): string {
  return header === undefined ? "and is missing" : `not ${JSON.stringify(clip(header, 100))}`;
}

function partialSuccess(
  decoded: DecodedTraceRequest,
  refused: readonly OtlpRefusedSpan[],
): TracePartialSuccess | undefined {
  const rejectedSpans = decoded.rejectedCount + refused.length;
  const total = rejectedSpans + decoded.warningCount;
  if (total === 0) return undefined;
  const reasons: string[] = [];
  for (const { path, name, traceId, spanId, reason } of decoded.rejected.slice(0, DESCRIBED_REASONS)) {
    reasons.push(`${path} ${describeSpan(name, traceId, spanId)}: ${reason}`);
  }
  for (const { span, reason } of refused.slice(0, DESCRIBED_REASONS)) {
    reasons.push(`${describeSpan(span.name, span.traceId, span.spanId)}: ${reason}`);
  }
  for (const { path, reason } of decoded.warnings.slice(0, DESCRIBED_REASONS))
    reasons.push(`${path}: ${reason}`);
  const described = reasons.slice(0, DESCRIBED_REASONS);
  const more = total > described.length ? ` (and ${total - described.length} more)` : "";
  const summary =
    rejectedSpans === 0
      ? "All spans were stored. "
      : rejectedSpans === 1
        ? "1 span was rejected. "
        : `${rejectedSpans} spans were rejected. `;
  return {
    rejectedSpans,
    errorMessage: clip(
      `${summary}${described.map((reason) => clip(reason, 380)).join("; ")}${more}`,
      MESSAGE_LIMIT,
    ),
  };
}

function describeSpan(name: string, traceId: string, spanId: string): string {
  return `(name ${JSON.stringify(clip(name, 100))}, trace ${traceId || "none"}, span ${spanId || "none"})`;
}

function positive(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new RangeError(`${name} must be a positive integer, not ${value}.`);
  }
  return value;
}
