import type { DeadLetter, DeadLetterSelection, DeadLetters } from "@es/core";
import { RequestError } from "@es/service";
import { Hono } from "hono";
import { z } from "zod";
import { input, pageOptions, readBody, readQuery } from "./input.js";

export interface DeadLetterRoutesDependencies {
  readonly queue: { readonly deadLetters: DeadLetters };
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

const listQuery = z.strictObject({ ...input.page, tenantId: input.tenantId.optional() });

/** All of them only if that is what is asked for: a body that was forgotten selects nothing. */
const selectionBody = z
  .strictObject({
    ids: z.array(z.string()).min(1).optional(),
    tenantId: input.tenantId.optional(),
    all: z.literal(true).optional(),
  })
  .refine(({ ids, tenantId, all }) => (all === true) !== (ids !== undefined || tenantId !== undefined), {
    error: 'expected "ids", "tenantId" or both, or "all": true',
  })
  .transform(
    ({ ids, tenantId }): DeadLetterSelection => ({
      ...(ids === undefined ? {} : { ids }),
      ...(tenantId === undefined ? {} : { tenantId }),
    }),
  );

/** `GET /`, `GET /{id}`, `POST /redrive`, `POST /discard`. */
export function deadLetterRoutes({ queue }: DeadLetterRoutesDependencies): Hono {
  const app = new Hono();

  app.get("/", async (context) => {
    const { tenantId, ...page } = readQuery(context, listQuery);
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
    const selection = await readBody(context, selectionBody);
    return context.json({ redriven: await queue.deadLetters.redrive(selection) });
  });

  app.post("/discard", async (context) => {
    const selection = await readBody(context, selectionBody);
    return context.json({ discarded: await queue.deadLetters.discard(selection) });
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
