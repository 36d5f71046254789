// Decodes bodies that could cost much, and fails for one that takes long in one step or much memory. Needs --expose-gc.
import { parseArgs } from "node:util";
import { decodeInSteps } from "../src/decodeTraceRequest.js";
import { OtlpDecodeError } from "../src/index.js";
import { makeCorpus } from "./corpus.js";
import { type HeavyBody, makeHeavyBody } from "./heavyBody.js";

/** CPU time of a step: what other processes take of the machine does not count. */
const MAX_STEP_MS = 250;
/** Of the bytes of a body. */
const MAX_GROWTH = 20;
/** Young garbage that waits to be collected, whatever the body. */
const FLOOR_BYTES = 64 * 2 ** 20;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    bodies: { type: "string", default: "100" },
    from: { type: "string", default: "0" },
  },
});
const [seed, bodies, from] = [values.seed, values.bodies, values.from].map(Number) as [
  number,
  number,
  number,
];
const corpus = makeCorpus(seed);
let longest = 0;
let taken = 0;
const faults: string[] = [];

for (let place = from; place < from + bodies; place++) {
  const body = makeHeavyBody(corpus, seed, place);
  const { stepMs, growth, isTaken } = cost(body);
  longest = Math.max(longest, stepMs);
  if (isTaken) taken++;
  const what = `--seed ${seed} --from ${place} --bodies 1: ${body.name}, ${body.bytes.length} bytes,`;
  if (stepMs > MAX_STEP_MS) faults.push(`${what} took ${stepMs.toFixed(0)} ms in one step`);
  if (growth > FLOOR_BYTES + MAX_GROWTH * body.bytes.length) faults.push(`${what} took ${growth} bytes`);
}
console.log(
  `seed ${seed}: ${bodies} heavy bodies, ${taken} of them taken; the longest step took ${longest.toFixed(0)} ms`,
);
for (const fault of faults) console.log(`FAULT ${fault}`);
process.exit(faults.length === 0 ? 0 : 1);

function cost({ bytes, encoding }: HeavyBody): {
  readonly stepMs: number;
  readonly growth: number;
  readonly isTaken: boolean;
} {
  globalThis.gc?.();
  const before = used();
  let peak = before;
  let stepMs = 0;
  let isTaken = false;
  const steps = decodeInSteps(bytes, encoding);
  try {
    for (let count = 0; !isTaken; count++) {
      const begun = cpuMs();
      isTaken = steps.next().done === true;
      stepMs = Math.max(stepMs, cpuMs() - begun);
      if (count % 16 === 0 || isTaken) peak = Math.max(peak, used());
    }
  } catch (error) {
    if (!(error instanceof OtlpDecodeError)) throw error;
  }
  return { stepMs, growth: peak - before, isTaken };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function used(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
