// `node run.mjs <sdk> <scenario>` runs one scenario in this process, with MODEL_URL, OTLP_URL and QUESTION set;
// `node run.mjs <sdk>` prints what scenarios there are.
const [sdk, name] = process.argv.slice(2);
const { scenarios } = await import(`./sdks/${sdk}/scenarios.mjs`);
if (name === undefined) {
  console.log(JSON.stringify(scenarios));
} else {
  const { MODEL_URL: modelUrl, OTLP_URL: otlpUrl, QUESTION: question } = process.env;
  await scenarios[name].run({ modelUrl, otlpUrl, question });
}
// Some SDKs keep timers or sockets; what they had to send is sent.
process.exit(0);
