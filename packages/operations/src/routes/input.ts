import { type PageOptions, parseTenantId } from "@es/core";
import { RequestError } from "@es/host";
import type { Context } from "hono";
import { z } from "zod";

/** The request's JSON body, as the schema has it. No body is `{}`. @throws RequestError 400 */
export async function readBody<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await context.req.text();
  let body: unknown = {};
  try {
    if (text !== "") body = JSON.parse(text);
  } catch {
    throw new RequestError(400, "BAD_REQUEST", "The body is not JSON");
  }
  return checked(schema, body);
}

/** The request's query parameters, as the schema has them. @throws RequestError 400 */
export function readQuery<T>(context: Context, schema: z.ZodType<T>): T {
  return checked(schema, context.req.query());
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  throw new RequestError(400, "BAD_REQUEST", faults.join("; "));
}

/** Parts of schemas. */
export const input = {
  tenantId: z.string().transform((text, context) => {
    try {
      return parseTenantId(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  }),
  /** `limit` and `cursor` of a listing, as query parameters. */
  page: {
    limit: z
      .string()
      .regex(/^(?:[1-9]\d{0,2}|1000)$/, { error: "expected a number from 1 to 1000" })
      .default("100")
      .transform(Number),
    cursor: z.string().optional(),
  },
};

/** Without the members a client left out, which `exactOptionalPropertyTypes` tells from those it set. */
export function pageOptions({ limit, cursor }: { limit: number; cursor?: string | undefined }): PageOptions {
  return cursor === undefined ? { limit } : { limit, cursor };
}
