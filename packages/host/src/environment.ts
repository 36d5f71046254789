import { z } from "zod";
import { ConfigurationError } from "./configurationError.js";

/** The environment a configuration is read from; `process.env` fits. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and validates a configuration: one schema member per variable, named as the variable. An empty variable counts as
 * not set.
 *
 * @throws ConfigurationError that names every wrong variable, what it holds and what it should
 */
export function readEnvironment<TShape extends z.ZodRawShape>(
  schema: z.ZodObject<TShape>,
  environment: Environment,
): z.output<z.ZodObject<TShape>> {
  const given: Record<string, string> = {};
  for (const [name, member] of Object.entries(schema.shape)) {
    // `optional` around a default never gives undefined: what the code does without the variable would be dead.
    if (member instanceof z.ZodOptional && member.unwrap() instanceof z.ZodDefault)
      throw new TypeError(`The variable ${name} has a default, so it cannot be optional.`);
    const value = environment[name];
    if (value !== undefined && value !== "") given[name] = value;
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? "?");
    const value = given[name];
    const shown =
      value === undefined ? "is not set" : `is ${JSON.stringify(secret.test(name) ? "…" : value)}`;
    return `  ${name} ${shown}: ${issue.message}`;
  });
  throw new ConfigurationError(`The configuration is not valid:\n${lines.join("\n")}`);
}

const secret = /PASSWORD|SECRET|KEY|TOKEN|_URL$/;

/** Parts of configuration schemas, each with the message an operator reads. */
export const variable = {
  /** A TCP port; 0 lets the system choose. */
  port: (fallback: number) => integer(0, 65_535, "a port from 0 to 65535").default(fallback),
  count: (fallback: number, minimum = 1) => count(minimum).default(fallback),
  milliseconds: (fallback: number) =>
    integer(0, 86_400_000, "a number of milliseconds, at most a day").default(fallback),
  bytes: (fallback: number) => bytes().default(fallback),
  /** Without it the code decides. */
  optionalCount: (minimum = 1) => count(minimum).optional(),
  optionalBytes: () => bytes().optional(),
  text: (fallback: string) => z.string().default(fallback),
  flag: (fallback: boolean) =>
    z
      .enum(["true", "false", "1", "0"], { error: 'expected "true" or "false"' })
      .transform((value) => value === "true" || value === "1")
      .default(fallback),
  /** `name=value,name=value`; a value may be anything without a comma. */
  pairs: () =>
    z
      .string()
      .regex(/^\s*[a-z0-9_]+=[^,]+(,\s*[a-z0-9_]+=[^,]+)*$/, { error: "expected name=value,name=value" })
      .transform((text): Readonly<Record<string, string>> => {
        const pairs = text.split(",").map((pair) => pair.trim().split(/=(.*)/s, 2) as [string, string]);
        return Object.fromEntries(pairs);
      })
      .default({}),
  url: (protocols: readonly string[], fallback?: string) => {
    const schema = z.string().refine((value) => isUrl(value, protocols), {
      error: `expected a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
    });
    return fallback === undefined ? schema : schema.default(fallback);
  },
};

function count(minimum: number) {
  return integer(minimum, Number.MAX_SAFE_INTEGER, `a whole number of at least ${minimum}`);
}

function bytes() {
  return integer(1, Number.MAX_SAFE_INTEGER, "a number of bytes");
}

function integer(minimum: number, maximum: number, expected: string) {
  return z
    .string()
    .regex(/^\d+$/, { error: `expected ${expected}` })
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, { error: `expected ${expected}` });
}

function isUrl(value: string, protocols: readonly string[]): boolean {
  try {
    return protocols.includes(new URL(value).protocol);
  } catch {
    return false;
  }
}
