import { isEventSourcingError } from "@es/core";
import { createJsonApi, RequestError } from "@es/host";
import type { ProjectionQueue } from "@es/processing";
import type { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type OperationsAccess, operationsGuard } from "../access/operationsGuard.js";
import { deadLetterRoutes } from "./deadLetterRoutes.js";
import { type GenerationRoutesDependencies, generationRoutes } from "./generationRoutes.js";
import { indexRoutes } from "./indexRoutes.js";
import { queueRoutes } from "./queueRoutes.js";
import { type ReconcileNow, reconcileRoutes } from "./reconcileRoutes.js";
import { type ReplayOperations, replayRoutes } from "./replayRoutes.js";

/** What is operated of every kind of projection. */
export interface ProjectionOperations {
  readonly queue: Pick<ProjectionQueue, "counts" | "deadLetters">;
  readonly reconcile: ReconcileNow;
}

/** What operations work on. */
export interface OperationsDependencies extends ProjectionOperations {
  /** Further kinds of projections by name, each with routes of its own below `/operations/projections/{name}`. */
  readonly projections?: Readonly<Record<string, ProjectionOperations>>;
  /** Without them there are no routes for replays. */
  readonly replays?: ReplayOperations;
  /** Without them there are no routes for generations. */
  readonly generations?: GenerationRoutesDependencies["generations"];
}

export interface OperationsOptions extends OperationsDependencies, OperationsAccess {
  /** Told of every error a client did not cause. */
  readonly onError: (error: unknown) => void;
}

/** A list of ten thousand ids fits. */
const MAX_BODY_BYTES = 1_000_000;

/** Everything below `/operations`, guarded. Errors are JSON too: `{ error: { code, message } }`. */
export function createOperationsRoutes(options: OperationsOptions): Hono {
  const app = createJsonApi({ answerFor, onError: options.onError });
  app.use("/operations/*", operationsGuard(options));
  app.use("/operations/*", bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }));
  app.route(
    "/operations",
    indexRoutes({
      projections: Object.keys(options.projections ?? {}),
      replays: options.replays !== undefined,
      generations: options.generations !== undefined,
    }),
  );
  projectionRoutes("/operations", options);
  for (const [name, projection] of Object.entries(options.projections ?? {})) {
    projectionRoutes(`/operations/projections/${name}`, projection);
  }
  if (options.replays !== undefined) {
    app.route("/operations/replays", replayRoutes({ replays: options.replays }));
  }
  function projectionRoutes(base: string, { queue, reconcile }: ProjectionOperations): void {
    app.route(`${base}/queue`, queueRoutes({ queue }));
    app.route(`${base}/dead-letters`, deadLetterRoutes({ queue, onError: options.onError }));
    app.route(`${base}/reconcile`, reconcileRoutes({ reconcile }));
  }
  const { generations } = options;
  if (generations !== undefined) app.route("/operations/generations", generationRoutes({ generations }));
  return app;
}

function tooLarge(): never {
  throw new RequestError(413, "TOO_LARGE", `A body has at most ${MAX_BODY_BYTES} bytes`);
}

function answerFor(error: unknown): RequestError | undefined {
  if (!isEventSourcingError(error)) return undefined;
  switch (error.code) {
    case "INVALID_CURSOR":
    case "INVALID_OPTIONS":
    case "INVALID_TENANT_ID":
    case "INVALID_AGGREGATE_ID":
      return new RequestError(400, error.code, error.message);
    case "REPLAY_ENDED":
    case "GENERATION_REFUSED":
    case "GENERATION_UNSUPPORTED":
      return new RequestError(409, error.code, error.message);
    default:
      return error.retryable
        ? new RequestError(503, error.code, error.message, { "retry-after": "2" })
        : undefined;
  }
}
