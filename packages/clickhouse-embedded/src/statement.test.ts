import { expect, test } from "vitest";
import type { ClickHouseError } from "./clickHouseError.js";
import { inspectStatement, refuseStatementAfterValues } from "./statement.js";

test.each([
  ["SELECT 1 FORMAT JSON", "JSON"],
  ["select a from t format CSV settings max_threads = 1", "CSV"],
  ["SELECT 1 SETTINGS max_threads = 1 FORMAT CSV;", "CSV"],
  ["SELECT 1 -- FORMAT CSV\n", undefined],
  ["SELECT ' FORMAT CSV', `FORMAT`, $$ FORMAT JSON $$", undefined],
  ["SELECT format FROM t", undefined],
  ["SELECT 1 AS format FROM t AS x", undefined],
  ["SELECT * FROM (SELECT 1 FORMAT JSON)", undefined],
  ["SELECT 'it''s' /* ; */ FORMAT TSV /* end */", "TSV"],
  ["(SELECT 1) UNION ALL (SELECT 2) FORMAT XML", "XML"],
  ["SHOW TABLES FORMAT JSON", "JSON"],
])("finds the FORMAT clause of %s", (sql, format) => {
  expect(inspectStatement(sql).format?.name).toBe(format);
});

test.each([
  ["INSERT INTO t FORMAT CSV\n1,2\n", "CSV", "1,2\n"],
  ["INSERT INTO t (a, b) SETTINGS async_insert=0 FORMAT RowBinary \n\n\n", "RowBinary", "\n\n"],
  ["insert into t values (1), (';')", "Values", " (1), (';')"],
  ["INSERT INTO format FORMAT TSV\r\nx", "TSV", "x"],
  ["INSERT INTO `FORMAT CSV` (`VALUES`) VALUES(1)", "Values", "(1)"],
])("finds the data of %j", (sql, format, data) => {
  const found = inspectStatement(sql).insertData;
  expect(found?.format).toBe(format);
  expect(sql.slice(found?.dataStart)).toBe(data);
  expect(found?.direct).toBe(true);
});

test("an INSERT … SELECT has no data unless it reads input()", () => {
  expect(inspectStatement("INSERT INTO t SELECT 1, 'FORMAT CSV'").insertData).toBeUndefined();
  const input = inspectStatement("INSERT INTO t SELECT a FROM input('a UInt8') FORMAT CSV\n1").insertData;
  expect(input).toMatchObject({ format: "CSV", direct: false });
});

test.each([
  ["", 62],
  [" -- nothing", 62],
  [";", 62],
  ["SELECT 1; SELECT 2", 62],
  ["SELECT 1 FORMAT CSV SETTINGS max_threads=1; DROP TABLE t", 62],
  ["INSERT INTO t SELECT 1; DROP TABLE t", 62],
  ["SELECT 1 INTO OUTFILE '/tmp/x'", 358],
  ["INSERT INTO t FROM INFILE '/tmp/x' FORMAT CSV", 36],
])("refuses %j with code %d", (sql, code) => {
  let error: unknown;
  try {
    inspectStatement(sql);
  } catch (thrown) {
    error = thrown;
  }
  expect((error as ClickHouseError).code).toBe(code);
});

test("a semicolon inside a value ends nothing, one behind the values may stand alone", () => {
  refuseStatementAfterValues(Buffer.from("(1, 'a;b'), (2, 'c'); -- done"));
  expect(() => refuseStatementAfterValues(Buffer.from("(1, 'a'); DROP TABLE t"))).toThrow("after semicolon");
});
