import { types } from "../test/fixtures/reference.js";
import type { RawReply } from "./connection.js";
import type { FuzzRequest } from "./fuzzRequest.js";

/** What the endpoint may say. 500 and 503 are not among it: the sink never fails. */
const statuses = new Set([200, 400, 401, 404, 405, 408, 413, 415, 429, 431, 505]);

/** What is wrong with the reply; undefined when it is right. */
export function faultOf(request: FuzzRequest, reply: RawReply | undefined): string | undefined {
  const { meaning, isPlain, isCut } = request;
  if (reply === undefined)
    return isCut || !isPlain ? undefined : "the connection was closed without an answer";
  if (!statuses.has(reply.status)) return `status ${reply.status}`;
  if (reply.status !== 200) {
    if (!isPlain || reply.status === 429) return undefined;
    // Too many items are refused as too large, and JSON knows faults that this code does not look for.
    if (meaning.kind === "exact" && reply.status !== 413)
      return `status ${reply.status} for what can be read: ${JSON.stringify(reply.body.toString("latin1"))}`;
    return undefined;
  }
  if (isCut) return "a success for what never came in full";
  const count = Number(reply.headers.get("x-count") ?? 0);
  const rejected = rejectedSpans(reply);
  switch (meaning.kind) {
    case "unreadable":
      return "a success for what cannot be read";
    case "exact": {
      const digest = reply.headers.get("x-digest");
      // A span whose values nest too deeply is rejected here, and read by the reference.
      if (count + rejected !== meaning.count + meaning.rejected)
        return `${count} stored and ${rejected} rejected of ${meaning.count} and ${meaning.rejected}`;
      if (count === meaning.count && count > 0 && digest !== meaning.digest)
        return "other spans than were sent";
      return count < meaning.count && !tellsDepth(reply) ? "a good span was rejected" : undefined;
    }
    case "among": {
      if (count + rejected !== meaning.briefs.length)
        return `${count} stored and ${rejected} rejected of ${meaning.briefs.length}`;
      const stored = reply.headers.get("x-briefs")?.split(" ") ?? [];
      let at = 0;
      for (const brief of meaning.briefs) if (brief === stored[at]) at++;
      return at === stored.length ? undefined : "other spans than were sent";
    }
  }
}

function tellsDepth(reply: RawReply): boolean {
  return reply.body.includes("deeper than");
}

function rejectedSpans({ headers, body }: RawReply): number {
  if (headers.get("content-type") === "application/json") {
    const reply = JSON.parse(body.toString()) as { partialSuccess?: { rejectedSpans?: string } };
    return Number(reply.partialSuccess?.rejectedSpans ?? 0);
  }
  const type = types.lookupType("ExportTraceServiceResponse");
  const reply = type.toObject(type.decode(body), { longs: Number }) as {
    partialSuccess?: { rejectedSpans?: number };
  };
  return reply.partialSuccess?.rejectedSpans ?? 0;
}
