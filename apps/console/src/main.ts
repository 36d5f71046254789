import { requireOpenFiles } from "@es/host/open-files";

// For its modules, the connections to its engines, and some clients.
requireOpenFiles(256);
await import("./run.js");
