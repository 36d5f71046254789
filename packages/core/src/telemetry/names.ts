/** Every span, event, attribute and metric name the packages emit, in one place. */
export const telemetryNames = {
  spans: {
    rebuildProjection: "EventSourcingService.rebuildProjection",
    getProjection: "EventSourcingService.getProjection",
    forceRebuildProjection: "EventSourcingService.forceRebuildProjection",
    rebuildProjections: "EventSourcingService.rebuildProjections",
    rebuildAllProjections: "EventSourcingService.rebuildAllProjections",
    memoryQueueRun: "ProjectionQueueMemory.run",
  },
  events: {
    jobEnqueued: "projection.job.enqueued",
    notFound: "projection.not_found",
    hookFailed: "projection.hook.failed",
  },
  attributes: {
    tenantId: "tenant.id",
    aggregateId: "aggregate.id",
    traceId: "trace.id",
    eventCount: "event.count",
    aggregateCount: "aggregate.count",
    projectionVersion: "projection.version",
    outcome: "outcome",
    errorCode: "error.code",
    attempt: "projection.attempt",
    generation: "projection.generation",
  },
  metrics: {
    rebuildDuration: "es.projection.rebuild.duration",
    rebuiltEvents: "es.projection.rebuild.events",
    scheduled: "es.projection.scheduled",
    besideServing: "es.projection.generation.runs",
    replayed: "es.replay.aggregates",
  },
} as const;
