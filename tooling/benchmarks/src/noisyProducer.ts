// The noisy tenants in a process of their own: what they cost the CPU is not what is measured.
import { ProjectionQueueBullMQ } from "@es/queue-bullmq";
import type { BullMQPlace } from "./fairnessScenario.js";
import { offer } from "./offer.js";

interface NoisyProducerOptions {
  readonly place: BullMQPlace;
  readonly tenants: readonly string[];
  readonly ratePerSecond: number;
}

const { place, tenants, ratePerSecond }: NoisyProducerOptions = JSON.parse(process.argv[2] ?? "{}");
const queue = new ProjectionQueueBullMQ({ ...place, telemetry: null, timeoutMs: 60_000 });
const stopping = new AbortController();
process.once("message", () => stopping.abort());
await offer({ queue, tenants, ratePerSecond, signal: stopping.signal });
await queue.close();
process.disconnect?.();
