// How an application sets OpenTelemetry up that leaves it to SDKs to make spans. Packages come from the SDK's folder, in the
// versions that SDK wants.

/**
 * @param {import("./scenario.mjs").Context} context
 * @param {{ instrumentations?: readonly unknown[], processors?: (exporter: unknown) => readonly unknown[] }} [options]
 * @returns {() => Promise<void>} sends what is left
 */
export function startTracing({ require, otlpUrl }, { instrumentations = [], processors } = {}) {
  const { NodeTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-node");
  const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
  const { resourceFromAttributes } = require("@opentelemetry/resources");
  const exporter = new OTLPTraceExporter({ url: `${otlpUrl}/v1/traces` });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": "assistant" }),
    spanProcessors: processors?.(exporter) ?? [new BatchSpanProcessor(exporter)],
  });
  provider.register();
  if (instrumentations.length > 0) {
    const { registerInstrumentations } = require("@opentelemetry/instrumentation");
    registerInstrumentations({ instrumentations, tracerProvider: provider });
  }
  return () => provider.shutdown();
}
