import { setTimeout as sleep } from "node:timers/promises";
import { metrics, trace } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { ConfigurationError } from "./configurationError.js";
import type { Environment } from "./environment.js";

/**
 * Resource attribute that marks this system's own telemetry. Ingest drops spans that carry it, so that a pipeline that
 * is observed through itself, a Collector in between or not, does not feed on its own spans.
 */
export const OWN_TELEMETRY_ATTRIBUTE = "es.own_telemetry";

/** How long the last spans and metrics may take to leave. */
const FLUSH_MS = 2_000;

export interface TelemetryOptions {
  /** Without `OTEL_SERVICE_NAME`. */
  readonly serviceName: string;
  readonly environment?: Environment;
}

export interface Telemetry {
  /** What is exported where, for the start-up log. */
  readonly description: string;
  shutdown(): Promise<void>;
}

/**
 * Exports this process's own spans and metrics over OTLP, by the standard variables: `OTEL_EXPORTER_OTLP_ENDPOINT`,
 * `OTEL_EXPORTER_OTLP_{TRACES,METRICS}_ENDPOINT`, `…_HEADERS`, `OTEL_{TRACES,METRICS}_EXPORTER` (`otlp` or `none`),
 * `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SDK_DISABLED`. Unlike the SDK's own
 * default it is off until an endpoint is named: the default endpoint would be this system itself.
 */
export function startTelemetry({ serviceName, environment = process.env }: TelemetryOptions): Telemetry {
  const exportsTraces = isExported("TRACES", environment);
  const exportsMetrics = isExported("METRICS", environment);
  if (!exportsTraces && !exportsMetrics) {
    return { description: "off (name an OTEL_EXPORTER_OTLP_ENDPOINT to export)", shutdown: async () => {} };
  }
  const resource = defaultResource()
    .merge(resourceFromAttributes({ "service.name": serviceName }))
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes({ [OWN_TELEMETRY_ATTRIBUTE]: true }));
  const shutdowns: (() => Promise<void>)[] = [];
  if (exportsTraces) {
    const provider = new NodeTracerProvider({
      resource,
      spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
    });
    provider.register();
    shutdowns.push(() => provider.shutdown());
  }
  if (exportsMetrics) {
    const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() });
    const provider = new MeterProvider({ resource, readers: [reader] });
    metrics.setGlobalMeterProvider(provider);
    shutdowns.push(() => provider.shutdown());
  }
  const signals = [exportsTraces ? "traces" : "", exportsMetrics ? "metrics" : ""]
    .filter(Boolean)
    .join(" and ");
  return {
    description: `${signals} over OTLP`,
    async shutdown() {
      // An unreachable collector must not keep the app from stopping.
      const flushed = Promise.allSettled(shutdowns.map((shutdown) => shutdown()));
      const late = new AbortController();
      await Promise.race([
        flushed,
        sleep(FLUSH_MS, undefined, { signal: late.signal }).catch(() => undefined),
      ]);
      late.abort();
      trace.disable();
      metrics.disable();
    },
  };
}

function isExported(signal: "TRACES" | "METRICS", environment: Environment): boolean {
  if (environment.OTEL_SDK_DISABLED?.toLowerCase() === "true") return false;
  const exporter = environment[`OTEL_${signal}_EXPORTER`];
  if (exporter !== undefined && exporter !== "" && exporter !== "otlp" && exporter !== "none") {
    throw new ConfigurationError(
      `The configuration is not valid:\n  OTEL_${signal}_EXPORTER is ${JSON.stringify(exporter)}: expected "otlp" or "none"`,
    );
  }
  if (exporter === "none") return false;
  const endpoint =
    environment[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] || environment.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (exporter === "otlp" && !endpoint) {
    throw new ConfigurationError(
      `The configuration is not valid:\n  OTEL_${signal}_EXPORTER is "otlp", but no OTEL_EXPORTER_OTLP_ENDPOINT is set`,
    );
  }
  return Boolean(endpoint);
}
