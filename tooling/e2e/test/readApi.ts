import type { TraceProjectionJson } from "@es/trace-projection";
import { until } from "./processes.js";

/** The projection, or `undefined` while there is none. */
export async function projectionOf(
  consoleUrl: string,
  traceId: string,
): Promise<TraceProjectionJson | undefined> {
  const response = await fetch(`${consoleUrl}/api/traces/${traceId}`);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as TraceProjectionJson;
}

/** Waits until the projection covers so many spans. */
export function completeProjection(consoleUrl: string, traceId: string, spanCount: number) {
  return until(`the projection of ${traceId} covers ${spanCount} spans`, async () => {
    const projection = await projectionOf(consoleUrl, traceId);
    return projection !== undefined && projection.spanCount >= spanCount ? projection : undefined;
  });
}

/** Every projection of the tenant, newest first, page by page. */
export async function allProjections(
  consoleUrl: string,
  limit = 500,
): Promise<readonly TraceProjectionJson[]> {
  const all: TraceProjectionJson[] = [];
  let cursor: string | null = null;
  do {
    const query: string = new URLSearchParams({
      limit: String(limit),
      include: "messages",
      ...(cursor === null ? {} : { cursor }),
    }).toString();
    const response = await fetch(`${consoleUrl}/api/traces?${query}`);
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    const page = (await response.json()) as { traces: TraceProjectionJson[]; nextCursor: string | null };
    all.push(...page.traces);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return all;
}
