// Reads recorded bodies as the real clients do: JSON on standard input, [{name, reader, body}], JSON on standard output.
//
// `reader` is "5", "6" or "7" (a useChat of that major of the AI SDK) or "ag-ui" (HttpAgent, with its verifier).

import { readFileSync } from "node:fs";
import { HttpAgent } from "@ag-ui/client";

const majors = { 5: await import("ai5"), 6: await import("ai6"), 7: await import("ai7") };

class State {
  status = "ready";
  error = undefined;
  messages = [];
  pushMessage = (message) => (this.messages = [...this.messages, message]);
  popMessage = () => (this.messages = this.messages.slice(0, -1));
  replaceMessage = (index, message) => (this.messages = this.messages.with(index, structuredClone(message)));
  snapshot = (value) => structuredClone(value);
}

const event = (body) => new Response(body, { headers: { "content-type": "text/event-stream" } });

async function chat(ai, body) {
  class Chat extends ai.AbstractChat {}
  let finish;
  const one = new Chat({
    id: "chat",
    state: new State(),
    transport: new ai.DefaultChatTransport({ fetch: async () => event(body) }),
    onFinish: ({ finishReason, isError }) => (finish = { finishReason, isError }),
  });
  await one.sendMessage({ text: "?" });
  const message = one.messages[1];
  if (message?.parts.length) await ai.validateUIMessages({ messages: [message] });
  return { status: one.status, error: one.error?.message ?? null, parts: message?.parts ?? [], ...finish };
}

async function agent(body) {
  const one = new HttpAgent({ url: "http://agent.test", fetch: async () => event(body) });
  const events = [];
  let error = null;
  try {
    await one.runAgent({}, { onEvent: ({ event }) => void events.push(event.type) });
  } catch (problem) {
    error = problem.message;
  }
  return { error, messages: one.messages, events };
}

console.warn = console.error = () => {};
const found = {};
for (const { name, reader, body } of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    found[`${reader} ${name}`] = reader === "ag-ui" ? await agent(body) : await chat(majors[reader], body);
  } catch (error) {
    found[`${reader} ${name}`] = { error: String(error.stack) };
  }
}
process.stdout.write(JSON.stringify(found), () => process.exit(0));
