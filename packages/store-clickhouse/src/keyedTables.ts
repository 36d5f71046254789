/**
 * Settings of tables that are written little by little and read by key, a few rows of each of many aggregates.
 *
 * What is read around those rows should be small. With the engine's own granules, of 8 192 rows, rebuilding traces of ten
 * spans among 100 000 others took 7 times the engine's CPU of among 1 000, with these 3 times; inserts take a third more.
 *
 * A merge of spans costs as much as their insert, so parts wait for company: of inserts of 2 000 spans each the engine's
 * own base, 5, made the engine work for twice as long. It falls by itself where parts become many or old, so a partition
 * has some dozens of them while it is written to, and few afterwards. And a part of dozens of columns stays in few files for as
 * long as it is small: on a file system that was slow to make files, one for each column took longer than storing two
 * thousand spans.
 */
export const keyedTableSettings = {
  index_granularity: 256,
  min_compress_block_size: 16_384,
  merge_selector_base: 16,
  min_bytes_for_wide_part: 67_108_864,
} as const;
