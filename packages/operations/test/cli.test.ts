import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { EventSourcingError } from "@es/core";
import { afterEach, describe, expect, it } from "vitest";
import { commands } from "../src/cli/commands.js";
import { es, type RunningOperations, serveOperations } from "./operations.js";

const TOKEN = "correct-horse-battery-staple";
let running: RunningOperations | undefined;

afterEach(async () => {
  await running?.close();
  running = undefined;
});

describe("es", () => {
  it("lists its commands, and explains each", async () => {
    const { code, out } = await es(["--help"], {});
    expect(code).toBe(0);
    for (const { name, summary } of commands) {
      expect(out).toContain(`${name} `);
      const help = await es([...name.split(" "), "--help"], {});
      expect(help.code, name).toBe(0);
      expect(help.out).toContain(summary);
      expect(help.out.split("\n")[0]).toMatch(new RegExp(`^es ${name} .*\\[options\\]$`));
    }
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  it("tells a script that it was used wrongly, and how to use it", async () => {
    expect(await es([], {})).toMatchObject({ code: 2, out: expect.stringContaining("es <command>") });
    expect(await es(["dead-letters"], {})).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringContaining("dead-letters redrive"),
    });
    expect(await es(["dead-lettres", "list"], {})).toEqual({
      code: 2,
      out: "",
      err: "There is no command `dead-lettres list`; `es --help` lists them",
    });
    expect(await es(["queue", "--jsno"], {})).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^Unknown option '--jsno'.*`es queue --help` lists the options/),
    });
    expect(await es(["queue", "extra"], {})).toMatchObject({ code: 2, err: "Usage: es queue [options]" });
    expect(await es(["dead-letters", "show"], {})).toMatchObject({
      code: 2,
      err: "Usage: es dead-letters show <id> [options]",
    });
    expect(await es(["queue"], { OPERATIONS_URL: "worker:4319" })).toMatchObject({
      code: 2,
      err: expect.stringContaining('OPERATIONS_URL is "worker:4319"'),
    });
  });

  it("says on one line that nobody answers", async () => {
    running = await serveOperations();
    const { url } = running;
    await running.close();
    const { code, err } = await es(["queue"], { OPERATIONS_URL: url });
    expect(code).toBe(3);
    expect(err).toBe(
      `${url} does not answer (ECONNREFUSED): start a worker or standalone, or set OPERATIONS_URL`,
    );
    running = undefined;
  });

  it("says on one line that the token is missing or wrong", async () => {
    running = await serveOperations({}, { token: TOKEN });
    const { url } = running;
    expect(await es(["queue"], { OPERATIONS_URL: url, OPERATIONS_TOKEN: TOKEN })).toMatchObject({ code: 0 });
    expect(await es(["queue"], { OPERATIONS_URL: url })).toEqual({
      code: 3,
      out: "",
      err: `${url} refuses the token: set OPERATIONS_TOKEN`,
    });
    expect(await es(["queue"], { OPERATIONS_URL: url, OPERATIONS_TOKEN: `${TOKEN}!` })).toEqual({
      code: 3,
      out: "",
      err: `${url} refuses the token: The token is not this worker's OPERATIONS_TOKEN`,
    });
  });

  it("says what the worker could not do, and whether waiting helps", async () => {
    running = await serveOperations({
      reconcile: async () => {
        throw new EventSourcingError("STORE_UNAVAILABLE", "ClickHouse cannot be reached");
      },
    });
    const { code, err } = await es(["reconcile"], { OPERATIONS_URL: running.url });
    expect([code, err]).toEqual([1, "ClickHouse cannot be reached"]);
    expect(running.errors).toHaveLength(1);
  });

  it("reconciles", async () => {
    running = await serveOperations({ reconcile: async () => 7 });
    const environment = { OPERATIONS_URL: `${running.url}/` };
    expect(await es(["reconcile"], environment)).toMatchObject({
      code: 0,
      out: "Scheduled 7 that lagged behind their events",
    });
    expect(JSON.parse((await es(["reconcile", "--json"], environment)).out)).toEqual({ scheduled: 7 });
  });

  it("is a program", async () => {
    running = await serveOperations();
    const program = fileURLToPath(new URL("../bin/es.js", import.meta.url));
    const environment = { ...process.env, OPERATIONS_URL: running.url };
    const result = await new Promise<{ code: unknown; stdout: string }>((resolve) => {
      execFile(process.execPath, [program, "queue", "--json"], { env: environment }, (error, stdout) =>
        resolve({ code: error?.code ?? 0, stdout }),
      );
    });
    expect(result.code).toBe(0);
    expect(JSON.parse(result.stdout)).toEqual({ pending: 0, active: 0, deadLetters: 0 });
  });
});
