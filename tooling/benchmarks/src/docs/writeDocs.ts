// `npm run bench:docs`: writes the figures of a full run into docs/performance.md.
import { readFile, writeFile } from "node:fs/promises";
import type { Report } from "../harness/report.js";
import { inRepository } from "../harness/repository.js";
import { writeFigures } from "./figures.js";

const [from = inRepository("docs/performance.json")] = process.argv.slice(2);
const document = inRepository("docs/performance.md");
const report: Report = JSON.parse(await readFile(from, "utf8"));
if (report.options.quick) throw new Error(`${from} is of a quick run: its figures say little.`);
await writeFile(document, writeFigures(await readFile(document, "utf8"), report));
process.stdout.write(`${document} has the figures of ${from}.\n`);
