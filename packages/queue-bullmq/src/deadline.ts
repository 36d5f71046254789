/** Resolves with the work, or with what `onTimeout` gives or throws once `timeoutMs` are over. */
export async function within<T, TLate>(
  timeoutMs: number,
  work: Promise<T>,
  onTimeout: () => TLate,
): Promise<T | TLate> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<TLate>((resolve, reject) => {
    timer = setTimeout(() => {
      try {
        resolve(onTimeout());
      } catch (error) {
        reject(error);
      }
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Bounds how long calls wait for somebody who has stopped answering, not for one who is busy answering others: each
 * answer that arrives gives all who wait the whole time again.
 */
export class Patience {
  readonly #timeoutMs: number;
  #lastAnswerAt = Number.NEGATIVE_INFINITY;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Settles as the work does, or rejects with what `onTimeout` gives. */
  async await<T>(work: Promise<T>, onTimeout: () => Error): Promise<T> {
    let begun = performance.now();
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    const silence = new Promise<never>((_, reject) => {
      const check = () => {
        if (over) return;
        const leftMs = Math.max(begun, this.#lastAnswerAt) + this.#timeoutMs - performance.now();
        if (leftMs <= 0) reject(onTimeout());
        else timer = setTimeout(look, Math.ceil(leftMs));
      };
      // After a busy spell of this process timers come first, and the answers that arrived meanwhile are still unread.
      const look = () => setImmediate(() => setImmediate(check));
      // Time spent on the very tick of the call, with thousands of other calls perhaps, is not time waited.
      setImmediate(() => {
        if (over) return;
        begun = performance.now();
        timer = setTimeout(look, this.#timeoutMs);
      });
    });
    try {
      const answer = await Promise.race([work, silence]);
      this.#lastAnswerAt = performance.now();
      return answer;
    } finally {
      over = true;
      clearTimeout(timer);
    }
  }
}
