import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { encodeTraceRequest } from "@es/otlp";
import type { Delivery } from "./deliveries.js";
import type { Ledger } from "./ledger.js";

export interface ExporterOptions {
  /** Where each ingest is reached, in the order deliveries count them. */
  readonly ingestUrls: readonly string[];
  readonly headers: (tenant: string) => Readonly<Record<string, string>>;
  readonly ledger: Ledger;
  /** How long one delivery is tried, milliseconds. */
  readonly patienceMs: number;
}

const ANSWER_TIMEOUT_MS = 10_000;
const MAX_RETRY_DELAY_MS = 2_000;
const RETRYABLE = new Set([429, 502, 503, 504]);

/** Sends as OpenTelemetry's exporters do: waits for the answer, and tries again what may be tried again. */
export class Exporter {
  readonly #options: ExporterOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(options: ExporterOptions) {
    this.#options = options;
  }

  /** Resolves once the delivery is acknowledged, refused or given up. */
  async deliver(delivery: Delivery): Promise<void> {
    const { ledger, patienceMs, ingestUrls: urls } = this.#options;
    const plain = encodeTraceRequest(delivery.spans, delivery.encoding);
    const body = delivery.gzip ? gzipSync(plain, { level: 1 }) : plain;
    const deadline = performance.now() + patienceMs;
    for (let attempt = 0; ; attempt++) {
      // A load balancer would try another one, too.
      const url = urls[(delivery.ingest + attempt) % urls.length] as string;
      ledger.sent(delivery.places);
      const answer = await this.#post(url, delivery, body).catch((error: unknown) => failureOf(error));
      ledger.answered(answer.status);
      if (answer.status === "200") {
        const rejected = rejectedSpans(answer, delivery);
        if (rejected === null) ledger.acknowledged(delivery.places);
        else ledger.refusals.push(`${delivery.tenant}: ${rejected}`);
        return;
      }
      if (!answer.retryable) {
        ledger.refusals.push(`${delivery.tenant}: ${answer.status} ${answer.text.slice(0, 200)}`);
        return;
      }
      const delay = Math.min(answer.retryAfterMs ?? 100 * 2 ** Math.min(attempt, 4), MAX_RETRY_DELAY_MS);
      if (performance.now() + delay > deadline) return;
      await sleep(delay);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(url: string, delivery: Delivery, body: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${url}/v1/traces`,
        {
          method: "POST",
          agent: this.#agent,
          timeout: ANSWER_TIMEOUT_MS,
          headers: {
            "content-type": delivery.encoding === "json" ? "application/json" : "application/x-protobuf",
            "content-length": body.byteLength,
            ...(delivery.gzip ? { "content-encoding": "gzip" } : {}),
            ...this.#options.headers(delivery.tenant),
          },
        },
        (response) => readAnswer(response).then(resolve, reject),
      );
      outgoing.once("timeout", () =>
        outgoing.destroy(Object.assign(new Error("no answer"), { code: "TIMEOUT" })),
      );
      outgoing.once("error", reject);
      outgoing.end(body);
    });
  }
}

interface Answer {
  readonly status: string;
  readonly retryable: boolean;
  readonly text: string;
  readonly body: Buffer;
  readonly retryAfterMs?: number | undefined;
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  // Throws if the answer is cut: then nothing was acknowledged.
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const status = response.statusCode ?? 0;
  const after = Number(response.headers["retry-after"]);
  return {
    status: String(status),
    retryable: RETRYABLE.has(status),
    text: body.toString("utf8"),
    body,
    retryAfterMs: Number.isFinite(after) ? after * 1_000 : undefined,
  };
}

function failureOf(error: unknown): Answer {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return { status: code, retryable: true, text: "", body: Buffer.alloc(0) };
}

/** `null` when every span was taken. An empty reply is exactly that, in protobuf; in JSON it is an object. */
function rejectedSpans(answer: Answer, { encoding }: Delivery): string | null {
  if (encoding === "protobuf")
    return answer.body.length === 0 ? null : `partial success: ${answer.body.toString("hex")}`;
  const reply = JSON.parse(answer.text) as {
    partialSuccess?: { rejectedSpans?: string; errorMessage?: string };
  };
  return reply.partialSuccess === undefined ? null : `partial success: ${answer.text.slice(0, 200)}`;
}
