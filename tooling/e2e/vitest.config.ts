import { packageTests } from "@es/tooling-vitest";

export default packageTests(import.meta.url, { engines: "test/apps.test.ts" });
