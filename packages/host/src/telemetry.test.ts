import { createServer } from "node:http";
import { trace } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import { startTelemetry } from "./telemetry.js";

describe("startTelemetry", () => {
  it.each([
    ["no endpoint is named", {}],
    ["the SDK is disabled", { OTEL_SDK_DISABLED: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" }],
    [
      "the exporters are none",
      {
        OTEL_TRACES_EXPORTER: "none",
        OTEL_METRICS_EXPORTER: "none",
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      },
    ],
  ])("exports nothing when %s", async (_, environment) => {
    const telemetry = startTelemetry({ serviceName: "test", environment });
    expect(telemetry.description).toMatch(/^off/);
    expect(trace.getTracer("test").startSpan("span").isRecording()).toBe(false);
    await telemetry.shutdown();
  });

  it.each([
    [{ OTEL_TRACES_EXPORTER: "zipkin" }, 'expected "otlp" or "none"'],
    [{ OTEL_TRACES_EXPORTER: "otlp" }, "no OTEL_EXPORTER_OTLP_ENDPOINT is set"],
  ])("refuses %o", (environment, reason) => {
    expect(() => startTelemetry({ serviceName: "test", environment })).toThrow(reason);
  });

  it("exports spans that carry the mark of own telemetry", async () => {
    const bodies: Buffer[] = [];
    const collector = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        bodies.push(Buffer.concat(chunks));
        response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
    const address = collector.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const variable = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    // The exporter reads the process's environment by itself.
    process.env[variable] = `http://127.0.0.1:${port}/v1/traces`;
    try {
      const telemetry = startTelemetry({ serviceName: "es-test" });
      expect(telemetry.description).toBe("traces over OTLP");
      trace.getTracer("test").startSpan("the span").end();
      await telemetry.shutdown();
    } finally {
      delete process.env[variable];
      collector.close();
    }
    const sent = Buffer.concat(bodies).toString("latin1");
    expect(sent).toContain("the span");
    expect(sent).toContain("es-test");
    expect(sent).toContain("es.own_telemetry");
  });
});
