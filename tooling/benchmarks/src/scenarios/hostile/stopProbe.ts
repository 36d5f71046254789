// Measures how long an app does not answer, in a process of its own: the one that sends is busy.
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { answerCalls } from "../../harness/program.js";

export interface StopReport {
  /** The longest time without an answer of `/healthz`, ms. */
  readonly stopMs: number;
  /** Whether the last question was answered. */
  readonly answers: boolean;
}

const INTERVAL_MS = 5;
const TIMEOUT_MS = 70_000;

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let stopMs = 0;
let answers = true;
let asking: Promise<void> | undefined;
let isStopped = false;

answerCalls({
  async watch(url: string): Promise<void> {
    stopMs = 0;
    isStopped = false;
    // The first connection and the first request of a process are slow.
    for (let i = 0; i < 20; i++) await ask(url);
    asking = (async () => {
      while (!isStopped) {
        const asked = performance.now();
        answers = await ask(url);
        stopMs = Math.max(stopMs, performance.now() - asked);
        if (!answers) return;
        await sleep(INTERVAL_MS);
      }
    })();
  },
  async report(): Promise<StopReport> {
    isStopped = true;
    await asking;
    return { stopMs, answers };
  },
});

function ask(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(`${url}/healthz`, { agent, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      response.on("end", () => resolve(true));
      response.on("error", () => resolve(false));
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(false));
    asked.end();
  });
}
