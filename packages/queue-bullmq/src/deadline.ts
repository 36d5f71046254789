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
