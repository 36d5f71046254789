import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CodeBlock, codeBlocks, documents } from "./markdown.js";
import { root } from "./workspace.js";

const run = promisify(execFile);
const blocks = documents().flatMap(codeBlocks);
const place = ({ document, line }: CodeBlock) => `${document}:${line}`;
const languageOf = ({ info }: CodeBlock) => info.split(" ", 1)[0] ?? "";

/** Where the blocks of a document find their imports: their own package, or this one for documents of the repository. */
const ownerOf = (document: string) =>
  /^(?:packages|apps)\//.test(document) ? dirname(document) : "tooling/repository";

const typescript = blocks.filter((block) => languageOf(block) === "ts");
const shell = blocks.filter((block) => languageOf(block) === "bash");

describe("documentation", () => {
  it("shows code in languages that are run", () => {
    const others = blocks.filter((block) => !["ts", "bash", "text"].includes(languageOf(block)));
    expect(others.map(place)).toEqual([]);
  });

  it("links only to what exists", () => {
    const broken = documents().flatMap((document) =>
      [...readFileSync(join(root, document), "utf8").matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
        .map((match) => match[1] ?? "")
        .filter((target) => !existsSync(resolve(root, dirname(document), target)))
        .map((target) => `${document}: ${target}`),
    );
    expect(broken).toEqual([]);
  });
});

/** What the documents of the repository talk to, at its default addresses; here it has others. */
let standalone: ChildProcess;
let clickhouseUrl: string;
let standaloneData: string;
const addresses = new Map<string, string>();

beforeAll(async () => {
  standaloneData = await mkdtemp(join(tmpdir(), "es-docs-"));
  const clickhousePort = String(await freePort());
  clickhouseUrl = `http://default:secret@127.0.0.1:${clickhousePort}/es`;
  standalone = spawn(process.execPath, [join(root, "apps/standalone/bin/standalone.cjs"), "--demo"], {
    env: {
      ...process.env,
      INGEST_PORT: "0",
      CONSOLE_PORT: "0",
      WORKER_PORT: "0",
      CLICKHOUSE_PORT: clickhousePort,
      CLICKHOUSE_PASSWORD: "secret",
      DATA_DIR: standaloneData,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((ready, fail) => {
    let output = "";
    standalone.once("exit", (code) => fail(new Error(`standalone ended with ${code}:\n${output}`)));
    standalone.stdout?.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
      const ingest = /OTLP\/HTTP\s+http:\/\/(\S+?)\/v1/.exec(output)?.[1];
      const api = /Read API\s+http:\/\/(\S+?)\/api/.exec(output)?.[1];
      const operations = /Operations\s+http:\/\/(\S+?)\/operations/.exec(output)?.[1];
      if (ingest === undefined || api === undefined || operations === undefined) return;
      if (!output.includes("More: ")) return;
      addresses.set("127.0.0.1:4318", ingest).set("127.0.0.1:4319", operations).set("127.0.0.1:4320", api);
      ready();
    });
  });
}, 120_000);

afterAll(async () => {
  const ended = new Promise((resolve) => standalone.once("exit", resolve));
  standalone.kill("SIGTERM");
  await ended;
  await rm(standaloneData, { recursive: true, force: true });
});

function freePort(): Promise<number> {
  return new Promise((resolvePort, fail) => {
    const server = createServer().once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolvePort(port));
    });
  });
}

describe("TypeScript blocks", () => {
  const owners = [...new Set(typescript.map(({ document }) => ownerOf(document)))];
  // A run on other engines may be doing the same.
  const folderOf = (owner: string) => join(root, owner, ".snippets", String(process.pid));
  const fileOf = (block: CodeBlock) =>
    `${block.document.replaceAll(/[^A-Za-z0-9]+/g, "-")}-${block.line}${block.info.includes("typecheck") ? ".types" : ""}`;

  beforeAll(async () => {
    for (const owner of owners) {
      await mkdir(folderOf(owner), { recursive: true });
      await writeFile(
        join(folderOf(owner), "tsconfig.json"),
        JSON.stringify({
          extends: relative(folderOf(owner), join(root, "tooling/tsconfig/base.json")),
          compilerOptions: {
            outDir: "out",
            rootDir: ".",
            moduleDetection: "force",
            typeRoots: [join(root, "node_modules/@types")],
          },
          include: ["*.ts"],
        }),
      );
    }
    for (const block of typescript) {
      await writeFile(join(folderOf(ownerOf(block.document)), `${fileOf(block)}.ts`), `${block.code}\n`);
    }
  });

  afterAll(async () => {
    for (const owner of owners) await rm(folderOf(owner), { recursive: true, force: true });
  });

  describe.each(owners)("of %s", (owner) => {
    const own = typescript.filter(({ document }) => ownerOf(document) === owner);

    it("compile", { timeout: 60_000 }, async () => {
      const compiled = await run(join(root, "node_modules/.bin/tsc"), ["-p", folderOf(owner)]).catch(
        (error: { stdout: string }) => error,
      );
      expect(compiled.stdout).toBe("");
    });

    const runnable = own.filter(({ info }) => !info.includes("typecheck"));
    it.each(runnable.map((block) => [place(block), block] as const))(
      "run: %s",
      { timeout: 120_000 },
      async (_, block) => {
        const script = join(folderOf(owner), "out", `${fileOf(block)}.js`);
        const data = await mkdtemp(join(tmpdir(), "es-snippet-"));
        try {
          const environment = {
            ...process.env,
            CLICKHOUSE_URL: clickhouseUrl,
            OTEL_EXPORTER_OTLP_ENDPOINT: `http://${addresses.get("127.0.0.1:4318")}`,
          };
          await run(process.execPath, [script], { cwd: data, env: environment, timeout: 100_000 });
        } finally {
          await rm(data, { recursive: true, force: true });
        }
      },
    );
  });
});

describe("shell blocks", () => {
  it.each(shell.map((block) => [place(block), block] as const))(
    "%s",
    { timeout: 60_000 },
    async (_, block) => {
      const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
      for (const [, , script] of block.code.matchAll(/^(?:npm|pnpm) (run )?(?:--silent )?([a-z:]+)/gm)) {
        if (script === "install" || script === "add") continue;
        expect(Object.keys(scripts), `${place(block)} runs a script there is not`).toContain(script);
      }
      const requests = block.code.split("\n").filter((line) => line.startsWith("curl "));
      for (const request of requests) {
        let command = request;
        for (const [documented, actual] of addresses) command = command.replaceAll(documented, actual);
        const { stdout } = await run("bash", ["-c", `${command} --fail --silent --show-error`]);
        expect(stdout, request).not.toBe("");
      }
      const environment = { ...process.env, OPERATIONS_URL: `http://${addresses.get("127.0.0.1:4319")}` };
      for (const [, args = ""] of block.code.matchAll(/^npm run (?:--silent )?es -- (.+)$/gm)) {
        const command = `${process.execPath} packages/operations/bin/es.js ${args}`;
        const { stdout } = await run("bash", ["-c", command], { cwd: root, env: environment });
        expect(stdout, args).not.toBe("");
      }
    },
  );
});
