/** Small, so that the limits are met as well. */
export const limits = {
  maxBodyBytes: 64 * 1024,
  maxCompressedBytes: 16 * 1024,
  maxInFlightBytes: 512 * 1024,
  maxInFlightBytesPerTenant: 256 * 1024,
  requestTimeoutMs: 10_000,
  maxItems: 5_000,
};
