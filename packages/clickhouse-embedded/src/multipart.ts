import { ClickHouseError } from "./clickHouseError.js";

/** A multipart/form-data body. Parts with a file name are external tables' data. */
export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, Buffer>;
}

/** The boundary of a multipart/form-data content type. */
export function multipartBoundary(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^multipart\/form-data\b/i.test(contentType)) return undefined;
  const match = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) throw malformed("its content type names no boundary");
  return boundary;
}

/**
 * Takes a whole multipart body apart.
 * @throws {ClickHouseError} 36 when it is malformed
 */
export function parseMultipart(body: Buffer, boundary: string): Form {
  const fields = new Map<string, string>();
  const files = new Map<string, Buffer>();
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // The first delimiter may stand at the very start, without its line break.
  const text = Buffer.concat([Buffer.from("\r\n"), body]);
  let at = text.indexOf(delimiter);
  if (at === -1) throw malformed("its boundary does not occur");
  for (;;) {
    at += delimiter.length;
    if (text.subarray(at, at + 2).toString() === "--") return { fields, files };
    const headStart = text.indexOf("\r\n", at) + 2;
    const headEnd = text.indexOf("\r\n\r\n", headStart - 2);
    const next = text.indexOf(delimiter, at);
    if (headStart === 1 || headEnd === -1 || next === -1 || headEnd > next)
      throw malformed("a part is cut off");
    const head = text.subarray(headStart, headEnd).toString("utf8");
    const disposition = /^content-disposition:.*$/im.exec(head)?.[0] ?? "";
    const name = /[;\s]name="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1];
    if (name === undefined) throw malformed("a part has no name");
    const content = text.subarray(headEnd + 4, next);
    if (/[;\s]filename\*?=/i.test(disposition)) files.set(unescapeName(name), content);
    else fields.set(unescapeName(name), content.toString("utf8"));
    at = next;
  }
}

function unescapeName(name: string): string {
  return name
    .replace(/%22/g, '"')
    .replace(/%0D%0A|%0A/g, "\n")
    .replace(/\\(.)/g, "$1");
}

function malformed(reason: string): ClickHouseError {
  return new ClickHouseError(36, "BAD_ARGUMENTS", `The multipart/form-data body is malformed: ${reason}.`);
}
