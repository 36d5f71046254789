import { Hono } from "hono";

/** One request of the operations API. */
export interface RequestJson {
  readonly method: "GET" | "POST";
  /** With `{id}`, `{number}` where a request names something. */
  readonly path: string;
  readonly does: string;
}

type RequestDescription = readonly [method: RequestJson["method"], path: string, does: string];

const ofProjections: readonly RequestDescription[] = [
  ["GET", "/queue", "counts what is pending, active and parked as dead letters"],
  ["GET", "/dead-letters", "lists dead letters; ?tenantId, aggregateId, limit, cursor"],
  ["GET", "/dead-letters/{id}", "shows one dead letter"],
  ["POST", "/dead-letters/redrive", 'schedules {"ids", "tenantId"} or {"all": true} again'],
  ["POST", "/dead-letters/discard", 'removes {"ids", "tenantId"} or {"all": true}'],
  ["POST", "/reconcile", "schedules what lags behind its events"],
];

const ofReplays: readonly RequestDescription[] = [
  ["POST", "", 'starts a replay; {"tenantId", "aggregateIds", "from", "to", "ratePerSecond", "force"}'],
  ["GET", "", "lists replays; ?limit, cursor"],
  ["GET", "/{id}", "shows one replay with its failures"],
  ["POST", "/{id}/pause", "pauses it"],
  ["POST", "/{id}/resume", 'lets it go on; {"ratePerSecond"}'],
  ["POST", "/{id}/cancel", "ends it"],
];

const ofGenerations: readonly RequestDescription[] = [
  ["GET", "", "lists generations, and which one serves"],
  ["POST", "/rollback", "lets the previous generation serve again"],
  ["POST", "/{number}/begin", "builds a generation"],
  ["POST", "/{number}/compare", "shows what differs from the serving one"],
  ["POST", "/{number}/switch", "lets it serve"],
  ["POST", "/{number}/retire", "stops keeping it up"],
  ["POST", "/{number}/drop", "removes what it holds"],
];

/** Which parts of the API are served. */
export interface ServedOperations {
  /** Further kinds of projections, by name. */
  readonly projections: readonly string[];
  readonly replays: boolean;
  readonly generations: boolean;
}

/** Lists the requests there are, as plain text, or as JSON for whoever accepts `application/json`. */
export function indexRoutes(served: ServedOperations): Hono {
  const requests = listRequests(served);
  const app = new Hono();
  app.get("/", (context) => {
    const accepts = context.req.header("accept") ?? "";
    return accepts.includes("application/json") ? context.json({ requests }) : context.text(asText(requests));
  });
  return app;
}

function listRequests({ projections, replays, generations }: ServedOperations): readonly RequestJson[] {
  const below = (base: string, described: readonly RequestDescription[]) =>
    described.map(([method, path, does]): RequestJson => ({ method, path: `${base}${path}`, does }));
  return [
    ...below("/operations", ofProjections),
    ...projections.flatMap((name) => below(`/operations/projections/${name}`, ofProjections)),
    ...(replays ? below("/operations/replays", ofReplays) : []),
    ...(generations ? below("/operations/generations", ofGenerations) : []),
  ];
}

function asText(requests: readonly RequestJson[]): string {
  const width = Math.max(...requests.map(({ path }) => path.length));
  const lines = requests.map(
    ({ method, path, does }) => `${method.padEnd(4)}  ${path.padEnd(width)}  ${does}`,
  );
  return `Operations. The command line \`es\` sends these requests (npm run es -- --help).\n\n${lines.join("\n")}\n`;
}
