// The official JavaScript SDK against the server at argv[2]: prints what it got as one line of JSON.
const { GoogleGenAI } = require("@google/genai");

async function main(baseUrl) {
  const ai = new GoogleGenAI({ apiKey: "any", httpOptions: { baseUrl } });
  const model = "gemini-2.5-flash";
  const found = { chunks: 0, text: "" };
  for await (const chunk of await ai.models.generateContentStream({ model, contents: "Tell me a story." })) {
    found.chunks += 1;
    found.text += chunk.text ?? "";
  }
  const chat = ai.chats.create({ model });
  found.reply = (await chat.sendMessage({ message: "Hello" })).text;
  found.tokens = (await ai.models.countTokens({ model, contents: "Hello" })).totalTokens;
  const bytes = new Blob([new Uint8Array(9_000_000)], { type: "application/octet-stream" });
  const file = await ai.files.upload({ file: bytes, config: { displayName: "zeros" } });
  found.file = await ai.files.get({ name: file.name });
  await ai.files.delete({ name: file.name });
  try {
    await ai.models.generateContent({ model, contents: "x", config: { abortSignal: AbortSignal.abort() } });
  } catch (error) {
    found.aborted = error.name;
  }
  console.log(JSON.stringify(found));
}

main(process.argv[2]);
