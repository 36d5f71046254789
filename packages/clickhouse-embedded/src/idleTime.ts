import { ClickHouseError } from "./clickHouseError.js";

/** @throws {ClickHouseError} 209, as ClickHouse calls a client that neither takes nor sends */
export async function withinIdleTime<T>(promise: Promise<T>, idleTimeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new ClickHouseError(
            209,
            "SOCKET_TIMEOUT",
            `The client neither took nor sent anything for ${idleTimeoutMs} ms while a statement waited for it.`,
          ),
        ),
      idleTimeoutMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
