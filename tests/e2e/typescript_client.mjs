// The TypeScript SDK's client on stdio: node typescript_client.mjs PACKAGES MODE COMMAND [ARGUMENT...]
// Lists, calls, hears progress, answers an elicitation and a sampling; prints one JSON object.
import { pathToFileURL } from "node:url";

const [packages, mode, command, ...args] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${packages}/client/dist/${name}.mjs`));
const { Client } = await load("index");
const { StdioClientTransport } = await load("stdio");

const client = new Client(
  { name: "typescript", version: "1.0.0" },
  { capabilities: { elicitation: {}, sampling: {} }, versionNegotiation: { mode } },
);
const asked = [];
client.setRequestHandler("elicitation/create", async ({ params }) => {
  asked.push(params.message);
  return { action: "accept", content: { response: "granted" } };
});
client.setRequestHandler("sampling/createMessage", async ({ params }) => {
  asked.push(params.messages[0].content.text);
  return { role: "assistant", model: "typescript", content: { type: "text", text: "blue" } };
});

const transport = new StdioClientTransport({ command, args, env: process.env });
await client.connect(transport);
const progress = [];
const onprogress = ({ progress: done, total }) => progress.push([done, total]);
const call = async (name, more = {}, options = {}) => {
  const result = await client.callTool({ name, arguments: more }, options);
  return result.content.map((block) => block.text).join("\n");
};
const found = {
  version: client.getNegotiatedProtocolVersion(),
  tools: (await client.listTools()).tools.map((tool) => tool.name),
  text: await call("test_simple_text"),
  stepped: await call("test_tool_with_progress", {}, { onprogress }),
  elicited: await call("test_elicitation", { message: "May I?" }),
  sampled: await call("test_sampling", { prompt: "Which color?" }),
  resource: (await client.readResource({ uri: "test://static-text" })).contents[0].text,
  prompt: (await client.getPrompt({ name: "test_simple_prompt" })).messages[0].content.text,
};
await client.close();
console.log(JSON.stringify({ ...found, asked, progress }));
