// An AG-UI HttpAgent without a browser: what comes of each scene, as JSON on standard output.
//
//     node agents.mjs URL     URL is that of the agent
//
// What the model says is decided by the text that it is asked: see Stage in tests/support/scripts.py.

import { HttpAgent } from "@ag-ui/client";

const [url] = process.argv.slice(2);
const WEATHER = {
  name: "get_weather",
  description: "The weather in a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

class Talk {
  constructor(init = {}) {
    this.agent = new HttpAgent({ url, threadId: "thread-1", ...init });
    this.events = [];
  }

  async run(message, options = {}) {
    this.agent.addMessage({ id: crypto.randomUUID(), ...message });
    let error = null;
    try {
      await this.agent.runAgent(options, { onEvent: ({ event }) => void this.events.push(event) });
    } catch (problem) {
      error = problem.message;
    }
    return { error, messages: this.agent.messages, events: this.events };
  }
}

const ask = (text, options) => new Talk().run({ role: "user", content: text }, options);

const scenes = {
  send: () => ask("story"),
  reasoning: () => ask("think"),
  everything: () => ask("everything"),
  broken: () => ask("break"),
  broken_call: () => ask("break call"),
  refused: () => ask("refuse"),
  blocked: () => ask("block"),
  context: () => ask("story", { context: [{ description: "The user's city", value: "Paris" }] }),
  image: () =>
    new Talk().run({
      role: "user",
      content: [
        { type: "text", text: "story" },
        { type: "image", source: { type: "data", value: "iVBORw0KGgo=", mimeType: "image/png" } },
      ],
    }),
  tool: async () => {
    const talk = new Talk();
    const { messages } = await talk.run({ role: "user", content: "weather" }, { tools: [WEATHER] });
    const call = messages.flatMap((message) => message.toolCalls ?? [])[0];
    return talk.run({ role: "tool", toolCallId: call.id, content: '{"celsius": 21}' }, { tools: [WEATHER] });
  },
  thought_again: async () => {
    const talk = new Talk();
    await talk.run({ role: "user", content: "think" });
    return talk.run({ role: "user", content: "story" });
  },
};

console.warn = console.error = () => {};
const found = {};
for (const [name, scene] of Object.entries(scenes)) {
  try {
    found[name] = await scene();
  } catch (error) {
    found[name] = { failed: error.stack };
  }
}
process.stdout.write(JSON.stringify(found), () => process.exit(0));
