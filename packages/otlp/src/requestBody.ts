import type { IncomingMessage } from "node:http";
import type { Transform } from "node:stream";
import { createGunzip, createInflate, createInflateRaw } from "node:zlib";
import { BodyChunks } from "./bodyChunks.js";
import type { BodyMemory } from "./bodyMemory.js";
import type { BudgetRefusal, BudgetShare } from "./byteBudget.js";

/** Of the time that a body may take: after each, it must have come further. */
const PACE_INTERVALS = 6;
/** Bytes that must come in such an interval, as a part of those that came before: who holds much must not stall. */
const MIN_GROWTH = 0.1;

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
  | "stalled"
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
 * Reads and inflates a body as it comes, and stops the moment it passes a limit. Its bytes are taken from the budget as they
 * come, for a length that is only announced costs nothing. They are released unless the result is ok; then the caller
 * releases `taken` when it is done with the bytes. Rejects where there is no memory for the body; then too all is released.
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
  // What cannot be taken now need not be sent first.
  const refusal = declared === undefined ? undefined : budget.wouldRefuse(declared);
  if (refusal !== undefined) return Promise.resolve({ ok: false, problem: refusal, detail: "" });

  return new Promise((resolve, reject) => {
    const kept = new BodyChunks();
    /** Received, and not yet given to be inflated. */
    const pending = new BodyChunks();
    let taken = 0;
    let received = 0;
    let receivedBefore = 0;
    let inflate: Transform | undefined;
    let feeding: NodeJS.Immediate | undefined;
    let isInflated = false;
    let settled = false;

    /** Removes the listeners and timers. Without a body for the caller it also releases the memory and the budget. */
    const letGo = (isOk: boolean): void => {
      settled = true;
      clearInterval(pace);
      clearImmediate(feeding);
      request.off("data", onData);
      request.off("end", onEnd);
      request.off("close", onClose);
      request.off("error", onClose);
      if (!isOk) {
        request.pause();
        budget.release(taken);
        kept.take();
      }
      inflate?.destroy();
    };
    const finish = (result: BodyResult): void => {
      if (settled) return;
      letGo(result.ok);
      resolve(result);
    };
    /** For what runs in an event of a stream: a throw there, for lack of memory say, would end the process. */
    const orReject = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        if (settled) return;
        letGo(false);
        reject(error);
      }
    };
    const fail = (problem: BodyProblem, detail = ""): void => finish({ ok: false, problem, detail });
    const keep = (chunk: Buffer): void => {
      if (settled) return;
      if (kept.length + chunk.length > limits.maxBodyBytes) {
        fail("too_large", `more than ${limits.maxBodyBytes} bytes`);
        return;
      }
      const refusal = budget.take(chunk.length);
      if (refusal !== undefined) {
        fail(refusal);
        return;
      }
      taken += chunk.length;
      kept.add(chunk);
    };
    const complete = (): void => {
      if (settled) return;
      orReject(() => {
        const { length } = kept;
        finish({ ok: true, ...memory.join(kept.take(), length), taken });
      });
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
    // Each call of inflate costs tens of microseconds: chunks that come in one turn of the event loop are given together.
    const feed = (): void => {
      feeding = undefined;
      if (isInflated) return;
      orReject(() => {
        for (const chunk of pending.take()) {
          inflate ??= startInflate(chunk[0]);
          if (!inflate.write(chunk)) request.pause();
        }
      });
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > maxReceived) fail(tooLarge, `more than ${maxReceived} bytes`);
      else if (coding === "identity") keep(chunk);
      else if (!isInflated && chunk.length > 0) {
        pending.add(chunk);
        feeding ??= setImmediate(feed);
      }
    };
    const onEnd = (): void => {
      if (coding === "identity" || isInflated) complete();
      else {
        clearImmediate(feeding);
        feed();
        orReject(() => {
          inflate ??= startInflate(undefined);
          inflate.end();
        });
      }
    };
    // "close" also follows a complete body, whose inflation may still be running.
    const onClose = (): void => {
      if (!request.complete) fail("disconnected");
    };
    let intervals = 0;
    // A body that comes at an even rate, and in time, always passes.
    const checkPace = (): void => {
      const isStalled = received - receivedBefore < Math.max(1, receivedBefore * MIN_GROWTH);
      if (++intervals === PACE_INTERVALS) fail("timeout");
      else if (isStalled && !request.complete && !request.isPaused()) fail("stalled");
      receivedBefore = received;
    };
    // What came while the event loop was busy is read before it is looked at.
    const pace = setInterval(() => setImmediate(checkPace), limits.requestTimeoutMs / PACE_INTERVALS);
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
