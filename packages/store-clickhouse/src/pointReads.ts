/**
 * Settings of tables that are read by key, a few rows of each of many aggregates: what is read around them should be
 * small. With the engine's own, 8 192 rows a granule, rebuilding traces of ten spans among 100 000 others took 7 times
 * the engine's CPU of among 1 000, with these 3 times; inserts take a third more.
 */
export const pointReadSettings = { index_granularity: 256, min_compress_block_size: 16_384 } as const;
