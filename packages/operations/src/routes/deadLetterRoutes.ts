import { assertAggregateId } from "@es/core";
import { RequestError } from "@es/host";
import { type DeadLetter, type DeadLetterSelection, type DeadLetters, describeFailure } from "@es/processing";
import { Hono } from "hono";
import { stream } from "hono/streaming";
import { z } from "zod";
import { input, pageOptions, readBody, readQuery } from "./input.js";

export interface DeadLetterRoutesDependencies {
  readonly queue: { readonly deadLetters: DeadLetters };
  readonly onError: (error: unknown) => void;
}

/** A dead letter as JSON. */
export interface DeadLetterJson extends Omit<DeadLetter, "ref" | "firstFailedAt" | "lastFailedAt"> {
  readonly tenantId: string;
  readonly aggregateId: string;
  /** RFC 3339. */
  readonly firstFailedAt: string;
  /** RFC 3339. */
  readonly lastFailedAt: string;
}

/** A line of the answer to a redrive at a rate: one per step, then one that says how it ended. */
export type RedriveLine =
  | { readonly redriven: number; readonly done: boolean }
  | { readonly redriven: number; readonly error: { readonly code: string; readonly message: string } };

const listQuery = z
  .strictObject({
    ...input.page,
    tenantId: input.tenantId.optional(),
    aggregateId: z.string().min(1).optional(),
  })
  .refine(({ tenantId, aggregateId }) => aggregateId === undefined || tenantId !== undefined, {
    error: 'expected "tenantId" with "aggregateId"',
  });

const selection = {
  ids: z.array(z.string()).min(1).optional(),
  tenantId: input.tenantId.optional(),
  all: z.literal(true).optional(),
};

/** All of them only if that is what is asked for: a body that was forgotten selects nothing. */
function saysWhich({ ids, tenantId, all }: { ids?: unknown; tenantId?: unknown; all?: unknown }): boolean {
  return (all === true) !== (ids !== undefined || tenantId !== undefined);
}
const whichOnes = { error: 'expected "ids", "tenantId" or both, or "all": true' };

const discardBody = z.strictObject(selection).refine(saysWhich, whichOnes);
const redriveBody = z
  .strictObject({ ...selection, ratePerSecond: z.number().positive().optional() })
  .refine(saysWhich, whichOnes);

function selected({ ids, tenantId }: z.output<typeof discardBody>): DeadLetterSelection {
  return { ...(ids === undefined ? {} : { ids }), ...(tenantId === undefined ? {} : { tenantId }) };
}

/** `GET /`, `GET /{id}`, `POST /redrive`, `POST /discard`. */
export function deadLetterRoutes({ queue, onError }: DeadLetterRoutesDependencies): Hono {
  const app = new Hono();

  app.get("/", async (context) => {
    const { tenantId, aggregateId, ...page } = readQuery(context, listQuery);
    if (tenantId !== undefined && aggregateId !== undefined) {
      assertAggregateId(aggregateId);
      const found = await queue.deadLetters.findByRefs([{ tenantId, aggregateId }]);
      const deadLetters = found.filter((letter) => letter !== null).map(toJson);
      return context.json({ deadLetters, nextCursor: null });
    }
    const { items, nextCursor } = await queue.deadLetters.list({
      ...pageOptions(page),
      ...(tenantId === undefined ? {} : { tenantId }),
    });
    return context.json({ deadLetters: items.map(toJson), nextCursor });
  });

  app.get("/:id", async (context) => {
    const id = context.req.param("id");
    const letter = await queue.deadLetters.get(id);
    if (letter === null) {
      throw new RequestError(404, "DEAD_LETTER_NOT_FOUND", `There is no dead letter ${JSON.stringify(id)}`);
    }
    return context.json(toJson(letter));
  });

  app.post("/redrive", async (context) => {
    const { ratePerSecond, ...body } = await readBody(context, redriveBody);
    if (ratePerSecond === undefined) {
      return context.json({ redriven: await queue.deadLetters.redrive(selected(body)) });
    }
    // It takes as long as it takes: a line per step keeps the connection alive, and a client that leaves stops it.
    context.header("content-type", "application/x-ndjson");
    return stream(context, async (lines) => {
      const leaving = new AbortController();
      lines.onAbort(() => leaving.abort());
      let redriven = 0;
      const write = async (line: RedriveLine) => void (await lines.writeln(JSON.stringify(line)));
      try {
        await queue.deadLetters.redrive(selected(body), {
          ratePerSecond,
          signal: leaving.signal,
          onProgress: async (progress) => {
            redriven = progress.redriven;
            await write({ redriven, done: false });
          },
        });
        await write({ redriven, done: true });
      } catch (error) {
        if (leaving.signal.aborted) return;
        onError(error);
        const { code, reason: message } = describeFailure(error);
        await write({ redriven, error: { code, message } });
      }
    });
  });

  app.post("/discard", async (context) => {
    const body = await readBody(context, discardBody);
    return context.json({ discarded: await queue.deadLetters.discard(selected(body)) });
  });

  return app;
}

function toJson({ ref, firstFailedAt, lastFailedAt, ...letter }: DeadLetter): DeadLetterJson {
  return {
    ...letter,
    tenantId: ref.tenantId,
    aggregateId: ref.aggregateId,
    firstFailedAt: new Date(firstFailedAt).toISOString(),
    lastFailedAt: new Date(lastFailedAt).toISOString(),
  };
}
