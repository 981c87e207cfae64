// Everything that is tried with @google/genai: `node official_javascript.mjs URL DIRECTORY` prints what came of it as JSON.
// DIRECTORY has @google/genai in its node_modules. Each function is one try; a try that fails gives {failed: ...}.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [url, directory] = process.argv.slice(2);
const require = createRequire(join(directory, "package.json"));
const { GoogleGenAI } = await import(pathToFileURL(require.resolve("@google/genai")));

const model = "gemini-2.5-flash";
const prompt = "Tell me a story about a river in 100 words.";
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

async function read(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const last = chunks.at(-1);
  return {
    chunks: chunks.length,
    text: chunks.map((chunk) => chunk.text ?? "").join(""),
    finish: last.candidates?.[0]?.finishReason,
    tokens: last.usageMetadata?.totalTokenCount,
  };
}

async function refusal(call) {
  try {
    await call();
  } catch (error) {
    return { kind: error.name, status: error.status, message: error.message };
  }
  return "no error";
}

const tries = {
  stream: async (ai) => read(await ai.models.generateContentStream({ model, contents: prompt })),

  whole: async (ai) => {
    const answer = await ai.models.generateContent({ model, contents: prompt });
    return { text: answer.text, finish: answer.candidates[0].finishReason };
  },

  chat: async (ai) => {
    const chat = ai.chats.create({ model });
    const first = await read(await chat.sendMessageStream({ message: "My name is Ada. " + prompt }));
    const second = await chat.sendMessage({ message: "What is my name?" });
    return { first: first.text, second: second.text, turns: chat.getHistory().length };
  },

  countTokens: async (ai) => (await ai.models.countTokens({ model, contents: "hello there" })).totalTokens,

  models: async (ai) => {
    const names = [];
    for await (const entry of await ai.models.list({ config: { pageSize: 2 } })) names.push(entry.name);
    return { names, one: (await ai.models.get({ model })).name };
  },

  functionCall: async (ai) => {
    const parameters = { type: "OBJECT", properties: { city: { type: "STRING" } }, required: ["city"] };
    const tools = [{ functionDeclarations: [{ name: "get_weather", description: "The weather in a city.", parameters }] }];
    const answer = await ai.models.generateContent({ model, contents: "What is the weather in Oslo?", config: { tools } });
    return answer.functionCalls.map((call) => [call.name, call.args]);
  },

  image: async (ai) => {
    const parts = [{ inlineData: { data: pixel, mimeType: "image/png" } }, { text: "What is this?" }];
    return read(await ai.models.generateContentStream({ model, contents: [{ role: "user", parts }] }));
  },

  oddCharacters: async (ai) => {
    const pieces = [];
    const stream = await ai.models.generateContentStream({ model: "odd", contents: "hi" });
    for await (const chunk of stream) pieces.push(chunk.text);
    return pieces;
  },

  errors: async (ai) => {
    const unknown = { model: "gemini-nonexistent", contents: prompt };
    const senseless = { model, contents: prompt, config: { temperature: 99 } };
    return {
      unknown: await refusal(() => ai.models.generateContent(unknown)),
      unknownStream: await refusal(async () => read(await ai.models.generateContentStream(unknown))),
      senseless: await refusal(() => ai.models.generateContent(senseless)),
    };
  },

  files: async (ai) => {
    const place = mkdtempSync(join(tmpdir(), "headwater-"));
    const path = join(place, "river.txt");
    writeFileSync(path, "The river is long.");
    const file = await ai.files.upload({ file: path, config: { mimeType: "text/plain", displayName: "river" } });
    rmSync(place, { recursive: true });
    const again = await ai.files.get({ name: file.name });
    const parts = [{ fileData: { fileUri: file.uri, mimeType: file.mimeType } }, { text: "What does this say?" }];
    const answer = await ai.models.generateContent({ model, contents: [{ role: "user", parts }] });
    await ai.files.delete({ name: file.name });
    const gone = await refusal(() => ai.files.get({ name: file.name }));
    return { same: again.name === file.name, size: Number(file.sizeBytes), mime: file.mimeType, text: answer.text, gone };
  },

  embeddings: async (ai) => {
    const config = { outputDimensionality: 7 };
    const answer = await ai.models.embedContent({ model: "gemini-embedding-001", contents: ["a", "b"], config });
    return answer.embeddings.map((entry) => entry.values.length);
  },

  caches: async (ai) => {
    const text = "The river rises in the hills above the town. It flows past mills and reaches the sea after a week.";
    const contents = [{ role: "user", parts: [{ text }] }];
    const cache = await ai.caches.create({ model, config: { contents, ttl: "60s" } });
    const config = { cachedContent: cache.name };
    const answer = await ai.models.generateContent({ model, contents: "Summarize the text above.", config });
    await ai.caches.update({ name: cache.name, config: { ttl: "600s" } });
    const names = [];
    for await (const entry of await ai.caches.list()) names.push(entry.name);
    await ai.caches.delete({ name: cache.name });
    const gone = await refusal(() => ai.caches.get({ name: cache.name }));
    return { text: answer.text, listed: names.includes(cache.name), cached: answer.usageMetadata.cachedContentTokenCount, gone };
  },
};

const found = {};
for (const [name, attempt] of Object.entries(tries)) {
  try {
    found[name] = await attempt(new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url } }));
  } catch (error) {
    found[name] = { failed: String(error?.stack ?? error) };
  }
}
console.log(JSON.stringify(found));
