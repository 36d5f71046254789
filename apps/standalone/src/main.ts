import { requireOpenFiles } from "@es/host/open-files";

// For its modules, the embedded engine, three servers, and some clients.
requireOpenFiles(512);
await import("./run.js");
