import { RequestError } from "@es/host";
import type { GenerationOperations, GenerationSet } from "@es/processing";
import { Hono } from "hono";
import { z } from "zod";
import { input, readBody } from "./input.js";

export interface GenerationRoutesDependencies {
  readonly generations: Pick<
    GenerationOperations,
    "runnable" | "list" | "begin" | "compare" | "switchTo" | "rollBack" | "retire" | "drop"
  >;
}

/** Generations as JSON. */
export interface GenerationsJson extends Omit<GenerationSet, "generations"> {
  readonly generations: readonly {
    readonly number: number;
    readonly state: string;
    /** RFC 3339; `null` where no change was ever recorded. */
    readonly since: string | null;
    /** Whether the process that answers has its handler. */
    readonly runnable: boolean;
  }[];
  /** What the process that answers has handlers for. */
  readonly runnable: readonly number[];
}

const emptyBody = z.strictObject({});
const switchBody = z.strictObject({ force: z.boolean().optional() });
const wholeNumber = z.int().min(1);

const compareBody = z
  .strictObject({
    from: wholeNumber.optional(),
    size: wholeNumber.max(1_000_000).optional(),
    seed: z.int().min(0).optional(),
    all: z.literal(true).optional(),
    refs: z
      .array(z.strictObject({ tenantId: input.tenantId, aggregateId: z.string() }))
      .min(1)
      .optional(),
    maxExamples: z.int().min(0).max(100).optional(),
  })
  .refine(
    ({ size, seed, all, refs }) =>
      [size ?? seed, all, refs].filter((value) => value !== undefined).length <= 1,
    { error: 'expected "size" and "seed", or "all": true, or "refs"' },
  );

/** `GET /`, `POST /rollback`, and `POST /{number}/` `begin`, `compare`, `switch`, `retire`, `drop`. */
export function generationRoutes({ generations }: GenerationRoutesDependencies): Hono {
  const app = new Hono();
  const json = (set: GenerationSet): GenerationsJson => ({
    ...set,
    generations: set.generations.map(({ number, state, since }) => ({
      number,
      state,
      since: since === 0n ? null : new Date(Number(since / 1_000_000n)).toISOString(),
      runnable: generations.runnable.includes(number),
    })),
    runnable: generations.runnable,
  });

  app.get("/", async (context) => context.json(json(await generations.list())));

  app.post("/rollback", async (context) => {
    await readBody(context, emptyBody);
    return context.json(json(await generations.rollBack()));
  });

  app.post("/:number/begin", async (context) => {
    await readBody(context, emptyBody);
    return context.json(json(await generations.begin(readNumber(context.req.param("number")))));
  });

  app.post("/:number/compare", async (context) => {
    const { from, size = 1_000, seed = 1, all, refs, maxExamples } = await readBody(context, compareBody);
    const comparison = await generations.compare({
      to: readNumber(context.req.param("number")),
      sample: all === true ? "all" : { size, seed },
      signal: context.req.raw.signal,
      ...(from === undefined ? {} : { from }),
      ...(refs === undefined ? {} : { refs }),
      ...(maxExamples === undefined ? {} : { maxExamples }),
    });
    return context.json(comparison);
  });

  app.post("/:number/switch", async (context) => {
    const { force = false } = await readBody(context, switchBody);
    return context.json(json(await generations.switchTo(readNumber(context.req.param("number")), { force })));
  });

  app.post("/:number/retire", async (context) => {
    await readBody(context, emptyBody);
    return context.json(json(await generations.retire(readNumber(context.req.param("number")))));
  });

  app.post("/:number/drop", async (context) => {
    await readBody(context, emptyBody);
    const number = readNumber(context.req.param("number"));
    await generations.drop(number);
    return context.json({ dropped: number });
  });

  return app;
}

/** @throws RequestError 400 */
function readNumber(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new RequestError(400, "BAD_REQUEST", `${JSON.stringify(text)} is no generation: a number from 1`);
}
