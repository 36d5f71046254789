// `npm run record:conformance -- [filter…]`: runs the scenarios whose `sdk/scenario` holds a filter, all without one, and
// writes what each sent as a fixture. One process per scenario: instrumentations patch modules for good.
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { decodeTraceRequest, encodeTraceRequest } from "@es/otlp";
import { startFakeModel } from "./endpoint/fakeModel.mjs";
import { scripts } from "./endpoint/scripts.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const fixtures = join(here, "../fixtures/recorded");
const node = join(here, "node_modules/node/bin/node");
const deadline = 90_000;

const filters = process.argv.slice(2);
const failures = [];
for (const sdk of readdirSync(join(here, "sdks")).sort()) {
  if (
    filters.length > 0 &&
    !filters.some((filter) => filter.includes(sdk) || sdk.includes(filter.split("/")[0]))
  )
    continue;
  const scenarios = JSON.parse(await runChild([sdk], {}));
  for (const [name, scenario] of Object.entries(scenarios)) {
    const title = `${sdk}/${name}`;
    if (filters.length > 0 && !filters.some((filter) => title.includes(filter))) continue;
    try {
      const { spans, bytes } = await record(sdk, name, scenario);
      console.log(`${title}: ${spans} spans, ${(bytes / 1024).toFixed(0)} kB`);
    } catch (error) {
      failures.push(title);
      console.error(`${title}: ${error.message}`);
    }
  }
}
if (failures.length > 0) {
  console.error(`\nNot recorded: ${failures.join(", ")}`);
  process.exit(1);
}

async function record(sdk, name, scenario) {
  const script = scripts[scenario.script];
  const model = await startFakeModel(script);
  const sink = await startSink();
  const home = mkdtempSync(join(tmpdir(), "conformance-"));
  try {
    const output = await runChild([sdk, name], {
      MODEL_URL: model.url,
      OTLP_URL: sink.url,
      QUESTION: script.question,
      HOME: home,
    });
    const explain = (text) => new Error(`${text}\n${output.slice(-4000)}`);
    const unknown = model.calls.filter((call) => call.unknown !== undefined);
    if (unknown.length > 0)
      throw explain(`asked the model endpoint for what it has not: ${unknown[0].unknown}`);
    if (model.calls.length === 0 && script.turns.length > 0) throw explain("never asked the model endpoint");
    if (sink.requests.length === 0)
      throw explain(`sent no spans (but ${sink.others.join(", ") || "nothing else"})`);
    const requests = sink.requests.map(({ encoding, bytes }) => reviewable(encoding, bytes, home));
    const fixture = {
      sdk: versionOf(sdk, scenario.sdk),
      with: (scenario.with ?? []).map((library) => versionOf(sdk, library)),
      scenario: scenario.title,
      truth: truthOf(scenario, script, model.calls),
      requests,
    };
    const text = `${JSON.stringify(fixture, null, 1)}\n`;
    mkdirSync(join(fixtures, sdk), { recursive: true });
    writeFileSync(join(fixtures, sdk, `${name}.json`), text);
    return { spans: requests.reduce((sum, { spans }) => sum + spans, 0), bytes: text.length };
  } finally {
    await model.close();
    await sink.close();
    rmSync(home, { recursive: true, force: true });
  }
}

/** What anyone who watched the model endpoint knows, with what the scenario itself set. */
function truthOf(scenario, script, calls) {
  const answered = calls.filter(({ status }) => status === 200);
  const streamed = answered.filter((call) => call.streamed);
  return {
    input: script.question,
    output: script.turns.at(-1)?.text ?? null,
    failed: calls.length > 0 && answered.length === 0,
    sessionId: null,
    userId: null,
    kinds: scenario.kinds ?? [],
    ...scenario.truth,
    firstToken:
      streamed.length === 0 ? null : { from: streamed[0].firstTokenAt, to: streamed[0].lastTokenAt },
    calls: calls.map(({ api, model, responseModel, streamed: isStreamed, status, usage }) => ({
      api,
      model,
      responseModel,
      streamed: isStreamed,
      status,
      ...(usage === undefined ? {} : { usage }),
    })),
  };
}

/** The request as OTLP/JSON, without what says on which machine it was recorded. */
function reviewable(encoding, bytes, home) {
  const { spans, rejectedCount } = decodeTraceRequest(bytes, encoding);
  if (rejectedCount > 0) throw new Error(`sent ${rejectedCount} spans that are refused`);
  const resources = new Map();
  const cleaned = spans.map((span) => {
    let resource = resources.get(span.resource);
    if (resource === undefined) {
      const attributes = [...span.resource.attributes].filter(([key]) => !/^(host|process|os)\./.test(key));
      resource = { ...span.resource, attributes: new Map(attributes) };
      resources.set(span.resource, resource);
    }
    return { ...span, resource };
  });
  const json = Buffer.from(encodeTraceRequest(cleaned, "json"))
    .toString("utf8")
    .replaceAll(here.slice(0, -1), "/recorder")
    .replaceAll(home, "/home");
  return { encoding, spans: spans.length, body: JSON.parse(json) };
}

function versionOf(sdk, name) {
  const manifest = JSON.parse(
    readFileSync(join(here, "sdks", sdk, "node_modules", name, "package.json"), "utf8"),
  );
  return `${name}@${manifest.version}`;
}

/** An OTLP/HTTP receiver that keeps what it gets, under whatever path an SDK thinks of. */
async function startSink() {
  const requests = [];
  const others = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    let bytes = Buffer.concat(chunks);
    if (request.headers["content-encoding"] === "gzip") bytes = gunzipSync(bytes);
    if (request.url.endsWith("/traces")) {
      const encoding = request.headers["content-type"]?.includes("json") ? "json" : "protobuf";
      requests.push({ encoding, bytes });
    } else {
      others.push(`${request.method} ${request.url}`);
    }
    response.writeHead(200, { "content-type": request.headers["content-type"] ?? "application/json" });
    response.end(request.headers["content-type"]?.includes("protobuf") ? "" : "{}");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    others,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}

/** With an environment of its own: no settings or keys of whoever records get into it. */
async function runChild([sdk, ...scenario], environment) {
  if (!existsSync(node))
    throw new Error("The recorder is not installed: npm run record:conformance does that.");
  const child = spawn(node, [join(here, "run.mjs"), sdk, ...scenario], {
    cwd: join(here, "sdks", sdk),
    env: { PATH: `${join(node, "..")}:${process.env.PATH}`, NODE_NO_WARNINGS: "1", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const timer = setTimeout(() => child.kill("SIGKILL"), deadline);
  const [code, signal] = await new Promise((resolve) => child.once("close", (...args) => resolve(args)));
  clearTimeout(timer);
  if (process.env.RECORDER_VERBOSE !== undefined) process.stderr.write(output);
  if (code !== 0) throw new Error(`ended with ${signal ?? `code ${code}`}\n${output.slice(-4000)}`);
  return output;
}
