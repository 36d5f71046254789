import { classifyError, isEventSourcingError, type TenantId } from "@es/core";
import {
  type Access,
  ConfigurationError,
  type Logger,
  OWN_TELEMETRY_ATTRIBUTE,
  type ReadinessCheck,
  type RunningApp,
  startHttpServer,
} from "@es/host";
import {
  createOtlpTraceHandler,
  OtlpRefusedError,
  type OtlpSpan,
  type OtlpTraceHandler,
  type OtlpTraceHandlerOptions,
  OtlpUnavailableError,
  type Resource,
} from "@es/otlp";
import type { EncodedSpans, SpanIngestionWriteRepositoryClickHouse } from "@es/trace-clickhouse";
import type { TraceStore } from "@es/trace-wiring";
import type { IngestConfig } from "./config.js";
import { ingestLimits } from "./ingestLimits.js";

export interface IngestDependencies {
  readonly repository: Pick<
    SpanIngestionWriteRepositoryClickHouse,
    "storeSpans" | "createEncoder" | "storeEncodedSpans"
  >;
  readonly store: Pick<TraceStore, "isReady" | "schemaIsReady">;
  readonly access: Pick<Access, "authorize" | "needsKey" | "readiness">;
  readonly logger: Logger;
  /** What `/readyz` asks besides the store. */
  readonly readiness?: Readonly<Record<string, ReadinessCheck>>;
}

export interface RunningIngest extends RunningApp {
  /** `http://host:port`; OTLP is at `/v1/traces`. */
  readonly url: string;
}

/** Whose spans a request brings. */
interface Sender {
  readonly tenantId: TenantId;
}

/** OTLP/HTTP in front of a write repository: a success is answered only after the spans are stored. */
export async function startIngest(
  config: IngestConfig,
  dependencies: IngestDependencies,
): Promise<RunningIngest> {
  const { repository, store: traceStore, access, logger } = dependencies;

  const perTenant = config.INGEST_MAX_INFLIGHT_BYTES_PER_TENANT;
  const handler = withLimits({
    ...ingestLimits(config),
    ...(perTenant === undefined ? {} : { maxInFlightBytesPerTenant: perTenant }),
    ...(access.needsKey ? { tenantOf: ({ tenantId }) => tenantId } : {}),
    onError(error, { status }) {
      // Told to slow down is what a tenant that sends too much hears all the time.
      if (status === 429) logger.debug({ error, status }, "A request was put off");
      else logger.warn({ error, status }, "A request could not be served");
    },
    authenticate(headers) {
      const decision = access.authorize((name) => headers[name]?.toString(), "ingest");
      if (decision.granted) return decision;
      throw new OtlpRefusedError(decision.message, decision.status, { challenge: decision.challenge });
    },
    createEncoder: (_, byteLength) =>
      repository.createEncoder({
        byteLength,
        takes: (resource) => config.INGEST_OWN_TELEMETRY || !isOwnTelemetry(resource),
      }),
    async export({ spans, encoded, context: { tenantId } }) {
      const isOwn = ({ resource }: OtlpSpan) => !config.INGEST_OWN_TELEMETRY && isOwnTelemetry(resource);
      const own = spans.filter(isOwn);
      const accepted = own.length === 0 ? spans : spans.filter((span) => !isOwn(span));
      if (encoded !== undefined) await store(() => repository.storeEncodedSpans(encoded, { tenantId }));
      if (accepted.length > 0) await store(() => repository.storeSpans(accepted, { tenantId }));
      return { rejected: own.map((span) => ({ span, reason: ownTelemetryReason })) };
    },
  });

  async function store(write: () => Promise<unknown>): Promise<void> {
    try {
      await traceStore.schemaIsReady();
      await write();
    } catch (error) {
      if (isEventSourcingError(error, "INVALID_EVENT"))
        throw new OtlpRefusedError(error.message, 400, { cause: error });
      // Whatever keeps the store from taking spans, they are only safe with the client: let it keep them.
      throw new OtlpUnavailableError(unavailableReason(error), {
        status: isEventSourcingError(error, "STORE_OVERLOADED") ? 429 : 503,
        // Clients that were refused together shall not come back together.
        retryAfterSeconds: RETRY_AFTER_SECONDS + Math.round(Math.random() * RETRY_SPREAD_SECONDS),
        cause: error,
      });
    }
  }

  const server = await startHttpServer({
    host: config.INGEST_HOST,
    port: config.INGEST_PORT,
    portVariable: "INGEST_PORT",
    handler: (request, response) => {
      if (request.method === "GET" && isForPeople(request.url)) {
        response.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end(usage);
        return;
      }
      return handler(request, response);
    },
    readiness: { clickhouse: traceStore.isReady, ...dependencies.readiness, ...access.readiness },
    maxConnections: config.INGEST_MAX_CONNECTIONS,
    handlerChecksHeaders: true,
    onError: (error) => logger.error({ error }, "A request failed"),
  });
  return {
    url: server.url,
    async stop() {
      server.beginDrain();
      await server.close();
    },
  };
}

/** What a person sees who opens the address that an app prints. */
const usage = `OTLP over HTTP. OpenTelemetry SDKs and Collectors send traces here: POST /v1/traces, as protobuf or JSON.

  OTEL_EXPORTER_OTLP_ENDPOINT   this address without a path
  OTEL_EXPORTER_OTLP_PROTOCOL   http/protobuf or http/json
  OTEL_EXPORTER_OTLP_HEADERS    x-api-key=<key>, where the server has API keys

/readyz says whether spans can be stored now.
`;

function isForPeople(url = "/"): boolean {
  const [path] = url.split("?", 1);
  return path === "/" || path === "/v1/traces";
}

const RETRY_AFTER_SECONDS = 2;
const RETRY_SPREAD_SECONDS = 3;

/** @throws ConfigurationError for limits that exclude each other */
function withLimits(options: OtlpTraceHandlerOptions<Sender, EncodedSpans>): OtlpTraceHandler {
  try {
    return createOtlpTraceHandler(options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message =
      "INGEST_MAX_INFLIGHT_BYTES and INGEST_MAX_INFLIGHT_BYTES_PER_TENANT must each hold one largest request, " +
      `INGEST_MAX_BODY_BYTES: ${error.message}`;
    throw new ConfigurationError(message, { cause: error });
  }
}

const ownTelemetryReason = `the resource attribute ${OWN_TELEMETRY_ATTRIBUTE} marks this system's own telemetry`;

function isOwnTelemetry(resource: Resource): boolean {
  return resource.attributes.get(OWN_TELEMETRY_ATTRIBUTE) === true;
}

/** For the client: what is wrong, without this system's inside. */
function unavailableReason(error: unknown): string {
  if (isEventSourcingError(error, "STORE_OVERLOADED"))
    return "The span store is overloaded; send again later";
  if (classifyError(error) === "transient") return "The span store does not answer; send again later";
  return "The span store refuses writes; its operator has been told; send again later";
}
