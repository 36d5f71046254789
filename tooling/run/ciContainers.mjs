// The container run of .ci/run, as a process beside the other: it names its Docker daemon in its environment. Writes what
// came of it to the file that is its argument.
import { testInContainers } from "./checks.mjs";
import { exportRuns } from "./suite.mjs";

await testInContainers([], { maxWorkers: 1 });
exportRuns(process.argv[2]);
// Whatever the engines left open: the other process waits for the end of this one.
process.exit();
