import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createOtlpTraceHandler, OtlpRefusedError } from "../src/index.js";
import { limits } from "./limits.js";
import { spanBrief, spansDigest } from "./spanDigest.js";

// The endpoint in a process of its own, over a sink that says in headers of the reply what it was given. What is thrown and
// not caught ends the process, and so the run.

const responses = new WeakMap<IncomingHttpHeaders, ServerResponse>();
let unexpected = 0;

const handler = createOtlpTraceHandler<ServerResponse>({
  ...limits,
  authenticate(headers) {
    if (headers["x-api-key"] === "wrong") throw new OtlpRefusedError("There is no such key.", 401);
    return responses.get(headers) as ServerResponse;
  },
  tenantOf: (response) => String(response.req.headers["x-tenant"] ?? ""),
  async export({ spans, context }) {
    // The other requests get between reading and storing, as they do behind a store.
    await new Promise(setImmediate);
    context.setHeader("x-digest", spansDigest(spans));
    context.setHeader("x-count", spans.length);
    context.setHeader(
      "x-briefs",
      spans.map(({ traceId, spanId, name }) => spanBrief(traceId, spanId, name)).join(" "),
    );
  },
  onError(error, { status }) {
    if (status < 500) return;
    unexpected++;
    console.error(error);
  },
});

const server = createServer((request, response) => {
  if (request.url === "/memory") {
    response.end(JSON.stringify({ rss: process.memoryUsage().rss, unexpected }));
    return;
  }
  responses.set(request.headers, response);
  void handler(request, response);
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit(0));
