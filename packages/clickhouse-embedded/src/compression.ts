import type { Duplex } from "node:stream";
import zlib from "node:zlib";
import { ClickHouseError } from "./clickHouseError.js";

/** Zstandard came to Node in 22.15. */
const zstd = zlib as unknown as {
  readonly createZstdDecompress?: () => Duplex;
  readonly createZstdCompress?: () => Duplex;
};

/**
 * The stream that undoes a request's Content-Encoding; nothing for identity.
 * @throws {ClickHouseError} 48 for an encoding this server does not know
 */
export function decompressor(contentEncoding: string | undefined): Duplex | undefined {
  switch ((contentEncoding ?? "").trim().toLowerCase()) {
    case "":
    case "identity":
      return undefined;
    case "gzip":
    case "x-gzip":
      return zlib.createGunzip();
    case "deflate":
      return zlib.createInflate();
    case "br":
      return zlib.createBrotliDecompress();
    case "zstd":
      if (zstd.createZstdDecompress !== undefined) return zstd.createZstdDecompress();
  }
  throw new ClickHouseError(
    48,
    "NOT_IMPLEMENTED",
    `Unknown or unsupported Content-Encoding: ${contentEncoding}; use gzip, deflate or br.`,
  );
}

export interface ResponseEncoding {
  readonly name: string;
  create(): Duplex;
}

const encodings: readonly ResponseEncoding[] = [
  // ClickHouse's own order of preference, with its level 3.
  {
    name: "br",
    create: () => zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 3 } }),
  },
  ...(zstd.createZstdCompress === undefined ? [] : [{ name: "zstd", create: zstd.createZstdCompress }]),
  { name: "gzip", create: () => zlib.createGzip({ level: 3 }) },
  { name: "deflate", create: () => zlib.createDeflate({ level: 3 }) },
];

/** The encoding to answer with, if the client accepts one we have. */
export function responseEncoding(acceptEncoding: string | undefined): ResponseEncoding | undefined {
  const accepted = new Set(
    (acceptEncoding ?? "")
      .split(",")
      .map((item) => item.trim().toLowerCase())
      .filter((item) => !/;\s*q=0(\.0*)?$/.test(item))
      .map((item) => item.split(";")[0]?.trim()),
  );
  return encodings.find((encoding) => accepted.has(encoding.name));
}
