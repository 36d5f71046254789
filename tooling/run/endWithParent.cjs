// Preloaded into Node.js processes of the commands: ends the process, as SIGTERM does, once the process that started it is gone. npm and
// shells pass no signal on, and whoever is killed with SIGKILL cannot. CommonJS, as modules would start Node's thread pool too early.
const { isMainThread } = require("node:worker_threads");

const everyMs = 500;

if (isMainThread) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, everyMs);
  timer.unref();
}
