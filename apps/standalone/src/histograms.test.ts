import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Closers, createLogger } from "@es/host";
import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { expect, it } from "vitest";
import { readStandaloneConfig } from "./config.js";
import { runDemo } from "./demo.js";
import { startStandalone } from "./standalone.js";

it("has buckets below a second in every histogram of seconds, and different durations fall into different ones", {
  timeout: 300_000,
}, async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  const dataDir = await mkdtemp(join(tmpdir(), "es-histograms-"));
  const config = readStandaloneConfig({
    INGEST_PORT: "0",
    CONSOLE_PORT: "0",
    WORKER_PORT: "0",
    DATA_DIR: dataDir,
  });
  try {
    const closers = new Closers();
    const logger = createLogger({ name: "test", defaultLevel: "fatal" });
    const standalone = await startStandalone(config, { logger, closers });
    await runDemo(standalone, () => undefined);
    await closers.close();
    await provider.forceFlush();
  } finally {
    metrics.disable();
    await provider.shutdown();
    await rm(dataDir, { recursive: true, force: true });
  }
  const histograms = exporter
    .getMetrics()
    .flatMap((resource) => resource.scopeMetrics)
    .flatMap((scope) => scope.metrics)
    .filter((metric) => metric.dataPointType === DataPointType.HISTOGRAM);
  expect(histograms.map(({ descriptor }) => descriptor.name)).toContain("es.projection.rebuild.duration");
  expect(histograms.map(({ descriptor }) => descriptor.name)).toContain("es.reconciler.look.duration");
  for (const { descriptor, dataPoints } of histograms) {
    if (descriptor.unit !== "s") continue;
    for (const { value } of dataPoints) {
      const { boundaries } = value.buckets;
      expect(boundaries.filter((bound) => bound > 0 && bound < 1).length, descriptor.name).toBeGreaterThan(5);
      const bucketOf = (seconds: number) => boundaries.findIndex((bound) => seconds <= bound);
      expect(new Set([0.004, 0.04, 0.4, 4].map(bucketOf)).size, descriptor.name).toBe(4);
    }
  }
});
