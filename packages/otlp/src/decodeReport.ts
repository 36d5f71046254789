/** A span that was refused while its neighbours were kept. */
export interface RejectedSpan {
  /** Where it was in the request, for example `resourceSpans[0].scopeSpans[1].spans[7]`. */
  readonly path: string;
  /** At most 100 characters of the span's name. */
  readonly name: string;
  /** As sent, in hex, at most 64 characters; "" when missing or unreadable. */
  readonly traceId: string;
  /** As sent, in hex, at most 64 characters; "" when missing or unreadable. */
  readonly spanId: string;
  readonly reason: string;
}

/** A span that was kept, but not quite as it was sent. */
export interface SpanWarning {
  readonly path: string;
  readonly reason: string;
}

const NAME_LIMIT = 100;
const ID_LIMIT = 64;

/** Counts everything, describes the first few: a hostile request must not be able to buy memory with its errors. */
export class DecodeReport {
  readonly rejected: RejectedSpan[] = [];
  readonly warnings: SpanWarning[] = [];
  rejectedCount = 0;
  warningCount = 0;
  readonly #limit: number;
  #warningCountBefore = 0;
  #warningsBefore = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Warnings from here on are about the next span, and go with it if it is rejected. */
  startSpan(): void {
    this.#warningCountBefore = this.warningCount;
    this.#warningsBefore = this.warnings.length;
  }

  reject(path: SpanPath, name: string, traceId: string, spanId: string, reason: string): void {
    this.rejectedCount++;
    this.warningCount = this.#warningCountBefore;
    this.warnings.length = this.#warningsBefore;
    if (this.rejected.length >= this.#limit) return;
    this.rejected.push({
      path: formatPath(path),
      name: clip(name, NAME_LIMIT),
      traceId: clip(traceId, ID_LIMIT),
      spanId: clip(spanId, ID_LIMIT),
      reason,
    });
  }

  warn(path: SpanPath, reason: string): void {
    this.warningCount++;
    if (this.warnings.length >= this.#limit) return;
    this.warnings.push({ path: formatPath(path), reason });
  }
}

/** The indexes of the span being read; one mutable object per request, formatted only when something is wrong. */
export interface SpanPath {
  resource: number;
  scope: number;
  span: number;
}

export function formatPath(path: SpanPath): string {
  return `resourceSpans[${path.resource}].scopeSpans[${path.scope}].spans[${path.span}]`;
}

export function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).toWellFormed()}…`;
}
