// A useChat of one major of the AI SDK without a browser: what comes of each scene, as JSON on standard output.
//
//     node chats.mjs MAJOR BASE     BASE is a server with /api/chat (5), /api/v6/chat and /api/v7/chat
//
// What the model says is decided by the text that it is asked: see script() in tests/support/scripts.py.

const [major, base] = process.argv.slice(2);
const ai = await import(`ai${major}`);
const api = `${base}/api/${major === "5" ? "" : `v${major}/`}chat`;

class State {
  status = "ready";
  error = undefined;
  constructor(messages = []) {
    this.messages = messages;
  }
  pushMessage = (message) => {
    this.messages = [...this.messages, message];
  };
  popMessage = () => {
    this.messages = this.messages.slice(0, -1);
  };
  replaceMessage = (index, message) => {
    this.messages = this.messages.with(index, this.snapshot(message));
  };
  snapshot = (value) => structuredClone(value);
}

class Chat extends ai.AbstractChat {
  constructor({ messages, fetch, ...init } = {}) {
    const seen = { finishes: [], data: [], errors: [], requests: [] };
    super({
      id: crypto.randomUUID(),
      ...init,
      state: new State(messages),
      transport: new ai.DefaultChatTransport({
        api,
        fetch: async (url, options) => {
          seen.requests.push({ url: String(url), body: options?.body ? JSON.parse(options.body) : null });
          return (fetch ?? globalThis.fetch)(url, options);
        },
      }),
      onFinish: ({ message, messages, ...rest }) => seen.finishes.push(rest),
      onData: (part) => seen.data.push(part),
      onError: (error) => seen.errors.push(error.message),
    });
    this.seen = seen;
  }

  get told() {
    const { status, messages, seen } = this;
    return { status, messages, ...seen };
  }

  async until(fact) {
    for (const end = Date.now() + 10_000; !fact(this); await new Promise((wake) => setTimeout(wake, 10))) {
      if (Date.now() > end) throw new Error(`waited in vain for ${fact}: ${JSON.stringify(this.told)}`);
    }
  }
}

const textOf = (message) => (message?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
const says = (text) => (chat) => textOf(chat.lastMessage).includes(text);

/** A fetch whose first body ends in a network error when `text` has come. */
function losing(text) {
  let isFirst = true;
  return async (url, options) => {
    const response = await fetch(url, options);
    if (!isFirst) return response;
    isFirst = false;
    const reader = response.body.getReader();
    let come = "";
    const body = new ReadableStream({
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        controller.enqueue(value);
        come += new TextDecoder().decode(value);
        if (come.includes(text)) {
          await reader.cancel();
          setTimeout(() => controller.error(new TypeError("network error")), 50);
          await new Promise(() => {});
        }
      },
    });
    return new Response(body, response);
  };
}

async function ask(text, init) {
  const chat = new Chat(init);
  await chat.sendMessage({ text });
  return chat;
}

/** A chat whose answer is being said, by another page that has gone since. */
async function left(text = "hold") {
  const page = new Chat();
  const sent = page.sendMessage({ text });
  await page.until(says("0 1 "));
  const messages = structuredClone(page.messages);
  await page.stop();
  await sent;
  return { id: page.id, messages };
}

const release = (id) => fetch(`${base}/release/${id}`, { method: "POST" });

async function resumed(id, messages) {
  const chat = new Chat({ id, messages });
  const resuming = chat.resumeStream();
  await new Promise((wake) => setTimeout(wake, 100));
  await release(id);
  await resuming;
  return chat.told;
}

const scenes = {
  send: async () => (await ask("story")).told,
  reasoning: async () => (await ask("think")).told,
  everything: async () => (await ask("everything")).told,
  two_turns: async () => {
    const chat = await ask("story");
    await chat.sendMessage({ text: "story" });
    return chat.told;
  },
  files: async () => {
    const chat = new Chat();
    await chat.sendMessage({
      parts: [
        { type: "text", text: "story" },
        { type: "file", mediaType: "image/png", url: "data:image/png;base64,iVBORw0KGgo=" },
      ],
    });
    return chat.told;
  },
  tool: async () => {
    const chat = new Chat({
      sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithToolCalls,
      onToolCall: ({ toolCall }) => {
        const answer = { tool: toolCall.toolName, toolCallId: toolCall.toolCallId, output: { celsius: 21 } };
        void (chat.addToolOutput ?? chat.addToolResult)(answer);
      },
    });
    await chat.sendMessage({ text: "weather" });
    await chat.until((one) => one.status === "ready" && says("21")(one));
    return chat.told;
  },
  refused: async () => (await ask("refuse")).told,
  misread: async () => {
    const chat = new Chat({ messages: [{ id: "1", role: "nobody", parts: [] }] });
    await chat.sendMessage({ text: "story" });
    return chat.told;
  },
  broken: async () => (await ask("break")).told,
  broken_call: async () => (await ask("break call")).told,
  blocked: async () => (await ask("block")).told,
  stop_here: async () => {
    const chat = new Chat();
    const sent = chat.sendMessage({ text: "hold" });
    await chat.until(says("0 1 "));
    await chat.stop();
    await sent;
    return chat.told;
  },
  stop_there: async () => {
    const chat = new Chat({ sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithToolCalls });
    const sent = chat.sendMessage({ text: "hold" });
    await chat.until(says("0 1 "));
    const stopped = await fetch(`${api}/${chat.id}/stop`, { method: "POST" });
    await sent;
    return { ...chat.told, stopped: stopped.status };
  },
  stop_in_call: async () => {
    const chat = new Chat({ sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithToolCalls });
    const sent = chat.sendMessage({ text: "hold call" });
    await chat.until((one) => one.lastMessage?.parts.some((part) => part.state === "input-streaming"));
    await fetch(`${api}/${chat.id}/stop`, { method: "POST" });
    await sent;
    return chat.told;
  },
  stop_after_call: async () => {
    const chat = new Chat({
      sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithToolCalls,
      onToolCall: ({ toolCall }) => {
        const answer = { tool: toolCall.toolName, toolCallId: toolCall.toolCallId, output: { celsius: 21 } };
        void (chat.addToolOutput ?? chat.addToolResult)(answer);
      },
    });
    const sent = chat.sendMessage({ text: "call and hold" });
    await chat.until((one) => one.lastMessage?.parts.some((part) => part.type === "tool-get_weather"));
    await fetch(`${api}/${chat.id}/stop`, { method: "POST" });
    await sent;
    await new Promise((wake) => setTimeout(wake, 200));
    return chat.told;
  },
  nothing_to_resume: async () => {
    const chat = new Chat();
    await chat.resumeStream();
    return chat.told;
  },
  resume_after_user: async () => {
    const { id, messages } = await left();
    return resumed(id, messages.slice(0, 1));
  },
  resume_after_partial: async () => {
    const { id, messages } = await left();
    return { ...(await resumed(id, messages)), partial: messages };
  },
  resume_after_partial_of_another_id: async () => {
    const { id, messages } = await left();
    messages[1].id = "another";
    return resumed(id, messages);
  },
  resume_after_half_a_call: async () => {
    const page = new Chat();
    const sent = page.sendMessage({ text: "hold call" });
    await page.until((one) => one.lastMessage?.parts.some((part) => part.state === "input-streaming"));
    const messages = structuredClone(page.messages);
    await page.stop();
    await sent;
    return resumed(page.id, messages);
  },
  resume_while_going_on: async () => {
    const page = new Chat({
      sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithToolCalls,
      onToolCall: ({ toolCall }) => {
        const answer = { tool: toolCall.toolName, toolCallId: toolCall.toolCallId, output: { celsius: 21 } };
        void (page.addToolOutput ?? page.addToolResult)(answer);
      },
    });
    const sent = page.sendMessage({ text: "hold weather" });
    await page.until(says("0 1 "));
    const messages = structuredClone(page.messages);
    await page.stop();
    await sent;
    return { ...(await resumed(page.id, messages)), partial: messages };
  },
  resume_after_disconnect: async () => {
    const chat = new Chat({ fetch: losing("1 ") });
    await chat.sendMessage({ text: "hold" });
    const before = structuredClone(chat.told);
    const resuming = chat.resumeStream();
    await new Promise((wake) => setTimeout(wake, 100));
    await release(chat.id);
    await resuming;
    return { ...chat.told, before };
  },
  resume_after_disconnect_without_the_partial: async () => {
    const chat = new Chat({ fetch: losing("1 ") });
    await chat.sendMessage({ text: "hold" });
    const fresh = new Chat({ id: chat.id, messages: chat.messages.slice(0, 1) });
    const resuming = fresh.resumeStream();
    await new Promise((wake) => setTimeout(wake, 100));
    await release(chat.id);
    await resuming;
    return fresh.told;
  },
};

const only = process.argv[4];
const found = {};
for (const [name, scene] of Object.entries(scenes)) {
  if (only && only !== name) continue;
  try {
    found[name] = await scene();
  } catch (error) {
    found[name] = { failed: error.stack };
  }
}
process.stdout.write(JSON.stringify(found), () => process.exit(0));
