// For the other harness that breaks apps, tooling/faults.
export { StoredRows } from "../oracle/storedRows.js";
export { createRandom } from "../random.js";
export { inRepository } from "../repository.js";
export { cpuMsOf } from "./cpuTime.js";
export { ManagedProcess, type ProcessDefinition, untilTrue } from "./managedProcess.js";
export { makeReadOnly, makeWritable, ownMounts, whyNoMounts } from "./mountNamespace.js";
export { stablePort } from "./stablePort.js";
export { TcpProxy } from "./tcpProxy.js";
