/** Node's buffers with the methods behind `toString`, which skip its checks; they are missing from the published types. */
export type SlicingBuffer = Buffer & {
  utf8Slice(start: number, end: number): string;
  hexSlice(start: number, end: number): string;
};

/** A view on `bytes`, not a copy. */
export function slicingBuffer(bytes: Uint8Array): SlicingBuffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as SlicingBuffer;
}
