import { formatInstant, instantFault, parseInstant, RequestError } from "@es/host";
import {
  type Replay,
  type ReplayFailure,
  type ReplayState,
  type Replays,
  replayPace,
  replayState,
} from "@es/processing";
import { Hono } from "hono";
import { z } from "zod";
import { input, pageOptions, readBody, readQuery } from "./input.js";

/** Replays, and the runner of this process, if it has one. */
export interface ReplayOperations {
  readonly replays: Replays;
  /** Lets the runner look now instead of at its next interval. */
  wake?(): void;
}

export interface ReplayRoutesDependencies {
  readonly replays: ReplayOperations;
}

/** A replay as JSON. Times are RFC 3339. */
export interface ReplayJson {
  readonly id: string;
  readonly state: ReplayState;
  readonly tenantId: string | null;
  /** How many are listed; `aggregateIds` has them. */
  readonly listed: number | null;
  /** Of when events were accepted. */
  readonly from: string | null;
  readonly to: string | null;
  readonly force: boolean;
  /** `null` for no limit. */
  readonly ratePerSecond: number | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  /** Of the newest progress. */
  readonly updatedAt: string | null;
  readonly finishedAt: string | null;
  /** Aggregates selected when it started; `null` before, or if the store could not tell. */
  readonly total: number | null;
  readonly processed: number;
  readonly rebuilt: number;
  /** Aggregates whose events are gone. */
  readonly empty: number;
  readonly failed: number;
  readonly perSecond: number | null;
  /** Until it is done, at that speed. */
  readonly remainingMs: number | null;
  /** Why it failed. */
  readonly stop: { readonly code: string; readonly reason: string } | null;
}

/** With everything of which there may be much. */
export interface ReplayDetailsJson extends ReplayJson {
  readonly aggregateIds: readonly string[] | null;
  /** The first 100. */
  readonly failures: readonly ReplayFailure[];
}

const instant = z.string().transform((text, context) => {
  const nanoseconds = parseInstant(text);
  if (nanoseconds !== undefined) return nanoseconds;
  context.addIssue({ code: "custom", message: instantFault(text) });
  return z.NEVER;
});
const ratePerSecond = z.number().positive().nullable().optional();

const startBody = z.strictObject({
  tenantId: input.tenantId.optional(),
  aggregateIds: z.array(z.string()).optional(),
  from: instant.optional(),
  to: instant.optional(),
  ratePerSecond,
  force: z.boolean().optional(),
});
const changeBody = z.strictObject({ ratePerSecond });
const noBody = z.strictObject({});
const listQuery = z.strictObject(input.page);

/** `POST /`, `GET /`, `GET /{id}`, `POST /{id}/pause`, `…/resume`, `…/cancel`. */
export function replayRoutes({ replays: { replays, wake } }: ReplayRoutesDependencies): Hono {
  const app = new Hono();

  app.post("/", async (context) => {
    const { tenantId, aggregateIds, from, to, ...request } = await readBody(context, startBody);
    const replay = await replays.start({
      ...definedOf(request),
      selection: definedOf({ tenantId, aggregateIds, acceptedFrom: from, acceptedTo: to }),
    });
    wake?.();
    return context.json(toDetails(replay), 201);
  });

  app.get("/", async (context) => {
    const { items, nextCursor } = await replays.list(pageOptions(readQuery(context, listQuery)));
    return context.json({ replays: items.map(toJson), nextCursor });
  });

  app.get("/:id", async (context) => {
    const id = context.req.param("id");
    return context.json(toDetails(known(id, await replays.get(id))));
  });

  app.post("/:id/pause", async (context) => {
    const id = context.req.param("id");
    await readBody(context, noBody);
    return context.json(toDetails(known(id, await replays.pause(id))));
  });

  app.post("/:id/resume", async (context) => {
    const id = context.req.param("id");
    const change = definedOf(await readBody(context, changeBody));
    const replay = known(id, await replays.resume(id, change));
    wake?.();
    return context.json(toDetails(replay));
  });

  app.post("/:id/cancel", async (context) => {
    const id = context.req.param("id");
    await readBody(context, noBody);
    return context.json(toDetails(known(id, await replays.cancel(id))));
  });

  return app;
}

function known(id: string, replay: Replay | null): Replay {
  if (replay !== null) return replay;
  throw new RequestError(404, "REPLAY_NOT_FOUND", `There is no replay ${JSON.stringify(id)}`);
}

function toJson(replay: Replay): ReplayJson {
  const { definition, control, progress } = replay;
  const { selection } = definition;
  const state = replayState(replay);
  return {
    id: definition.id,
    state,
    tenantId: selection.tenantId ?? null,
    listed: selection.aggregateIds?.length ?? null,
    from: selection.acceptedFrom === undefined ? null : formatInstant(selection.acceptedFrom),
    to: selection.acceptedTo === undefined ? null : formatInstant(selection.acceptedTo),
    force: definition.force,
    ratePerSecond: control.ratePerSecond,
    createdAt: timeOf(definition.createdAt),
    startedAt: progress === null ? null : timeOf(progress.startedAt),
    updatedAt: progress === null ? null : timeOf(progress.updatedAt),
    finishedAt: progress === null || progress.finishedAt === null ? null : timeOf(progress.finishedAt),
    total: progress?.total ?? null,
    rebuilt: progress?.rebuilt ?? 0,
    empty: progress?.empty ?? 0,
    failed: progress?.failed ?? 0,
    ...replayPace(replay),
    stop:
      state === "failed" && progress !== null && progress.stop !== null
        ? { code: progress.stop.code, reason: progress.stop.reason }
        : null,
  };
}

function toDetails(replay: Replay): ReplayDetailsJson {
  return {
    ...toJson(replay),
    aggregateIds: replay.definition.selection.aggregateIds ?? null,
    failures: replay.progress?.failures ?? [],
  };
}

function timeOf(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members a client left out, which `exactOptionalPropertyTypes` tells from those it set. */
function definedOf<T extends object>(members: T): Defined<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<T>;
}
