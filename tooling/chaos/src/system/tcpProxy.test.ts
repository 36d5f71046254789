import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TcpProxy } from "./tcpProxy.js";

describe("TcpProxy", () => {
  let answer: string;
  let server: Server;
  let proxy: TcpProxy;

  beforeEach(async () => {
    answer = "x".repeat(200_000);
    server = createServer((_, response) => response.end(answer));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    proxy = await TcpProxy.start(typeof address === "object" && address !== null ? address.port : 0);
  });
  afterEach(async () => {
    await proxy.close();
    server.closeAllConnections();
    server.close();
  });

  function get(): Promise<string> {
    return new Promise((resolve, reject) => {
      const outgoing = request(`http://127.0.0.1:${proxy.port}/`, (response: IncomingMessage) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => resolve(text));
        response.on("error", reject);
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
  }

  it("passes everything on in good weather", async () => {
    expect(await get()).toBe(answer);
  });

  it("gathers no listeners on a connection that often has to wait", async () => {
    answer = "x".repeat(30_000_000);
    const warnings: string[] = [];
    const note = ({ name }: Error) => warnings.push(name);
    process.on("warning", note);
    const outgoing = request(`http://127.0.0.1:${proxy.port}/`).end();
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    let received = 0;
    for await (const chunk of response) {
      received += (chunk as Buffer).length;
      await sleep(1);
    }
    expect(received).toBe(answer.length);
    process.off("warning", note);
    expect(warnings).toEqual([]);
  });

  it("cuts answers in their middle, and is good again after", async () => {
    proxy.weather.cutting = true;
    await expect(get()).rejects.toThrow();
    expect(proxy.cuts).toBeGreaterThan(0);
    proxy.calm();
    expect(await get()).toBe(answer);
  });

  it("holds everything back while blocked, and lets it go on after", async () => {
    proxy.block();
    let done = false;
    const blocked = get().then((text) => {
      done = true;
      return text;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(done).toBe(false);
    proxy.unblock();
    expect(await blocked).toBe(answer);
  });

  it("resets a connection whose server is gone", async () => {
    const gone = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await gone;
    await expect(get()).rejects.toThrow();
  });
});
