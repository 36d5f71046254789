import { EventSourcingError } from "@es/core";
import { milliseconds, warningListener } from "@es/core/adapter";

/** Tells when the engine that work depends on is there. */
export interface EngineAvailability {
  /**
   * Resolves once the engine is well, with whether it was found away before. Rejects with the signal's reason when it
   * aborts.
   */
  untilAvailable(signal?: AbortSignal): Promise<{ readonly wasAway: boolean }>;
}

export interface EngineProbeOptions {
  /** Resolves if the engine is well: a ping. */
  readonly probe: () => Promise<unknown>;
  /** A probe that takes longer has failed, milliseconds. @default 3 000 */
  readonly timeoutMs?: number;
  /** Between the first two probes; doubles with each further one, and is spread. Milliseconds. @default 250 */
  readonly firstDelayMs?: number;
  /** Milliseconds. @default 5 000 */
  readonly longestDelayMs?: number;
  /** Called with the error, once per outage, when a probe finds the engine away. @default emits a process warning */
  readonly onAway?: (error: unknown) => void;
  readonly onBack?: () => void;
}

interface Waiting {
  wasAway: boolean;
  readonly resolve: (result: { readonly wasAway: boolean }) => void;
}

/** Probes an engine while somebody waits for it: one probe at a time, however many wait. */
export class EngineProbe implements EngineAvailability {
  readonly #warn = warningListener("EngineProbe");
  readonly #options: EngineProbeOptions;
  readonly #timeoutMs: number;
  readonly #firstDelayMs: number;
  readonly #longestDelayMs: number;
  readonly #waiting = new Set<Waiting>();
  #probing = false;
  #wake: (() => void) | undefined;

  /** @throws EventSourcingError `INVALID_OPTIONS` */
  constructor(options: EngineProbeOptions) {
    this.#options = options;
    this.#timeoutMs = milliseconds("timeoutMs", options.timeoutMs ?? 3_000, 1);
    this.#firstDelayMs = milliseconds("firstDelayMs", options.firstDelayMs ?? 250, 0);
    this.#longestDelayMs = milliseconds("longestDelayMs", options.longestDelayMs ?? 5_000, 0);
  }

  untilAvailable(signal?: AbortSignal): Promise<{ readonly wasAway: boolean }> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const leave = () => {
        this.#waiting.delete(waiting);
        if (this.#waiting.size === 0) this.#wake?.();
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        wasAway: false,
        resolve: (result) => {
          signal?.removeEventListener("abort", leave);
          resolve(result);
        },
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.add(waiting);
      if (!this.#probing) void this.#probeWhileAwaited();
    });
  }

  async #probeWhileAwaited(): Promise<void> {
    this.#probing = true;
    let away = false;
    let delayMs = this.#firstDelayMs;
    while (this.#waiting.size > 0) {
      // Only who waited when it began: the engine may have gone since.
      const asked = [...this.#waiting];
      try {
        await this.#probe();
      } catch (error) {
        for (const waiting of this.#waiting) waiting.wasAway = true;
        if (!away) (this.#options.onAway ?? this.#warn)(error);
        away = true;
        await this.#rest(delayMs * (0.5 + Math.random() / 2));
        delayMs = Math.min(2 * delayMs, this.#longestDelayMs);
        continue;
      }
      if (away) this.#options.onBack?.();
      away = false;
      delayMs = this.#firstDelayMs;
      for (const waiting of asked) {
        if (this.#waiting.delete(waiting)) waiting.resolve({ wasAway: waiting.wasAway });
      }
    }
    this.#probing = false;
  }

  async #probe(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new EventSourcingError("STORE_UNAVAILABLE", `no answer within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
    });
    try {
      await Promise.race([this.#options.probe(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends early when nobody waits any more. */
  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#wake = end;
    });
  }
}
