import { randomUUID } from "node:crypto";

/** The Redis that the test engines gave. */
export function redisUrl(): string {
  const url = process.env.REDIS_URL;
  if (url === undefined)
    throw new Error("REDIS_URL is not set: the tests' global setup starts Redis and sets it.");
  return url;
}

/** Keeps tests that share a Redis apart. */
export function uniquePrefix(): string {
  return `{es-test-${randomUUID()}}`;
}
