import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeTraceRequest, type OtlpSpan } from "@es/otlp";
import { project } from "./project.js";

/** Spans and what they mean, taken from the published tests or documents of an emitter. */
export interface PublishedCase {
  readonly id: string;
  /** The repository or page, and the file or test in it. */
  readonly source: string;
  readonly why: string;
  readonly spans: readonly OtlpSpan[];
  /** By path into the projection. */
  readonly expected: ReadonlyMap<string, unknown>;
}

interface CaseFile {
  readonly source: string;
  readonly why: string;
  readonly otlp: unknown;
  readonly expect: Readonly<Record<string, unknown>>;
}

const folder = fileURLToPath(new URL("../fixtures/published/", import.meta.url));

/** Every case, ordered by id. */
export function publishedCases(): readonly PublishedCase[] {
  return readdirSync(folder)
    .sort()
    .map((file) => {
      const { source, why, otlp, expect } = JSON.parse(readFileSync(join(folder, file), "utf8")) as CaseFile;
      const id = file.replace(/\.json$/, "");
      const { spans, rejected } = decodeTraceRequest(Buffer.from(JSON.stringify(otlp)), "json");
      if (rejected.length > 0) throw new Error(`${id}: ${rejected[0]?.reason}`);
      return { id, source, why, spans, expected: new Map(Object.entries(expect)) };
    });
}

/** The fields of a case's projection that are not as they should be: the path, and what is there. */
export function wrongFields({ spans, expected }: PublishedCase): Readonly<Record<string, unknown>> {
  const projection = project(spans);
  const wrong = [...expected].flatMap(([path, value]) => {
    const got = valueAt(projection, path);
    return isAsExpected(value, got) ? [] : [[path, got ?? null]];
  });
  return Object.fromEntries(wrong);
}

function valueAt(value: unknown, path: string): unknown {
  let at = value;
  for (const step of path.split("."))
    at = (at as Readonly<Record<string, unknown>> | null | undefined)?.[step];
  return at;
}

function isAsExpected(expected: unknown, got: unknown): boolean {
  if (expected === null) return got === null || got === undefined;
  if (typeof expected === "object" && "$contains" in expected)
    return typeof got === "string" && got.includes(String(expected.$contains));
  return JSON.stringify(expected) === JSON.stringify(got);
}
