import type { IncomingMessage } from "node:http";
import type { Transform } from "node:stream";
import { createGunzip, createInflate, createInflateRaw } from "node:zlib";
import type { BodyMemory } from "./bodyMemory.js";
import type { BudgetRefusal, BudgetShare } from "./byteBudget.js";

export type ContentCoding = "identity" | "gzip" | "deflate";

export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly maxCompressedBytes: number;
  readonly requestTimeoutMs: number;
}

export type BodyProblem =
  | "too_large"
  | "too_large_compressed"
  | BudgetRefusal
  | "timeout"
  | "corrupt"
  | "disconnected";

export type BodyResult =
  | {
      readonly ok: true;
      readonly bytes: Buffer;
      readonly taken: number;
      /** To be called once nobody reads `bytes` any more. */
      free(): void;
    }
  | { readonly ok: false; readonly problem: BodyProblem; readonly detail: string };

/** `undefined` when the coding is none that we read. A list of codings is not either. */
export function contentCoding(header: string | undefined): ContentCoding | undefined {
  switch (header?.trim().toLowerCase() ?? "") {
    case "":
    case "identity":
      return "identity";
    case "gzip":
    case "x-gzip":
      return "gzip";
    case "deflate":
      return "deflate";
    default:
      return undefined;
  }
}

/** The declared length, or undefined when the body is chunked. Node has refused malformed ones before. */
function declaredLength(request: IncomingMessage): number | undefined {
  const header = request.headers["content-length"];
  return header === undefined ? undefined : Number(header);
}

/**
 * Reads and inflates a body as it comes, and stops the moment it passes a limit. What it took from the budget is released
 * unless the result is ok; then the caller releases `taken` when it is done with the bytes.
 */
export function readBody(
  request: IncomingMessage,
  coding: ContentCoding,
  limits: BodyLimits,
  budget: BudgetShare,
  memory: BodyMemory,
): Promise<BodyResult> {
  const declared = declaredLength(request);
  const maxReceived = coding === "identity" ? limits.maxBodyBytes : limits.maxCompressedBytes;
  const tooLarge = coding === "identity" ? "too_large" : "too_large_compressed";
  if (declared !== undefined && declared > maxReceived) {
    return Promise.resolve({ ok: false, problem: tooLarge, detail: `${declared} bytes` });
  }
  // What is declared is taken before anything is read; what is not, chunk by chunk.
  let taken = 0;
  const take = (bytes: number): BudgetRefusal | undefined => {
    const refusal = budget.take(bytes);
    if (refusal === undefined) taken += bytes;
    return refusal;
  };
  const refusal = declared === undefined ? undefined : take(declared);
  if (refusal !== undefined) return Promise.resolve({ ok: false, problem: refusal, detail: "" });

  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let received = 0;
    let length = 0;
    let inflate: Transform | undefined;
    let isInflated = false;
    let settled = false;

    const finish = (result: BodyResult): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      request.off("data", onData);
      request.off("end", onEnd);
      request.off("close", onClose);
      request.off("error", onClose);
      if (!result.ok) {
        request.pause();
        budget.release(taken);
        chunks.length = 0;
      }
      inflate?.destroy();
      resolve(result);
    };
    const fail = (problem: BodyProblem, detail = ""): void => finish({ ok: false, problem, detail });
    const keep = (chunk: Buffer): void => {
      if (settled) return;
      length += chunk.length;
      // An identity body of declared length has been taken already.
      const untaken = inflate !== undefined || declared === undefined;
      if (length > limits.maxBodyBytes) {
        fail("too_large", `more than ${limits.maxBodyBytes} bytes`);
        return;
      }
      const refusal = untaken ? take(chunk.length) : undefined;
      if (refusal === undefined) chunks.push(chunk);
      else fail(refusal);
    };
    const complete = (): void => {
      if (!settled) finish({ ok: true, ...memory.join(chunks, length), taken });
    };
    const startInflate = (firstByte: number | undefined): Transform => {
      const stream = createInflateFor(coding, firstByte);
      stream.on("data", keep);
      stream.on("end", () => {
        isInflated = true;
        if (request.complete) complete();
        // What follows is nothing to us, but only with it the request has come in full.
        else request.resume();
      });
      stream.on("error", (error) => fail("corrupt", error.message));
      stream.on("drain", () => request.resume());
      return stream;
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > maxReceived) fail(tooLarge, `more than ${maxReceived} bytes`);
      else if (coding === "identity") keep(chunk);
      else if (isInflated) return;
      else {
        inflate ??= startInflate(chunk[0]);
        if (!inflate.write(chunk)) request.pause();
      }
    };
    const onEnd = (): void => {
      if (coding === "identity" || isInflated) complete();
      else {
        inflate ??= startInflate(undefined);
        inflate.end();
      }
    };
    // "close" also follows a complete body, whose inflation may still be running.
    const onClose = (): void => {
      if (!request.complete) fail("disconnected");
    };
    const timer = setTimeout(() => fail("timeout"), limits.requestTimeoutMs);
    request.on("data", onData);
    request.on("end", onEnd);
    request.on("close", onClose);
    request.on("error", onClose);
    if (request.destroyed && !request.complete) fail("disconnected");
  });
}

/** "deflate" means the zlib format, but some clients send the bare deflate stream. */
function createInflateFor(coding: ContentCoding, firstByte: number | undefined): Transform {
  const options = { chunkSize: 64 * 1024 };
  if (coding === "gzip") return createGunzip(options);
  // The zlib header's low four bits are 8. No bare stream begins so: it would be a stored block with dirty padding.
  const bare = firstByte !== undefined && (firstByte & 0x0f) !== 8;
  return bare ? createInflateRaw(options) : createInflate(options);
}
