import { expect, it } from "vitest";
import { usageIsKnown, watchProcesses } from "./processUsage.js";

it("counts the CPU time that a process used meanwhile, and its memory, where the system tells", () => {
  const used = watchProcesses({ us: process.pid });
  const before = process.cpuUsage();
  let work = 0;
  while (process.cpuUsage(before).user < 200_000) work += Math.sqrt(work + 1);
  const { us } = used();
  if (usageIsKnown) {
    expect(us?.cpuSeconds).toBeGreaterThan(0.15);
    expect(us?.maxRssBytes).toBeGreaterThan(2 ** 20);
  } else expect(us).toBeUndefined();
});
