// The published clients of OpenAI's chat completions against the server at argv[2]. Prints what they made of it.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { jsonSchema, stepCountIs, streamText, tool } from "ai6";
import OpenAI from "openai";

const [baseURL, model, ask, weather] = process.argv.slice(2);
const found = {};

const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
found.models = (await client.models.list()).data.map((one) => one.id);
const stream = client.chat.completions.stream({
  model,
  messages: [{ role: "user", content: ask }],
  stream_options: { include_usage: true },
});
const whole = await stream.finalChatCompletion();
found.openai = {
  text: whole.choices[0].message.content,
  finish: whole.choices[0].finish_reason,
  tokens: whole.usage.completion_tokens,
};
try {
  await client.chat.completions.create({ model: "nonexistent", messages: [{ role: "user", content: ask }] });
} catch (error) {
  found.refused = [error.constructor.name, error.status, error.code];
}

const getWeather = tool({
  description: "The weather of a city",
  inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }),
  execute: async ({ city }) => ({ sky: `clear over ${city}` }),
});
const providers = {
  compatible: createOpenAICompatible({ name: "headwater", baseURL, includeUsage: true })(model),
  strict: createOpenAI({ baseURL, apiKey: "any" }).chat(model),
};
for (const [name, provider] of Object.entries(providers)) {
  const told = streamText({ model: provider, prompt: ask });
  let text = "";
  for await (const piece of told.textStream) text += piece;
  const called = streamText({
    model: provider,
    prompt: weather,
    tools: { get_weather: getWeather },
    stopWhen: stepCountIs(3),
  });
  await called.consumeStream();
  const steps = await called.steps;
  found[name] = {
    text,
    finish: await told.finishReason,
    tokens: (await told.usage).outputTokens,
    calls: steps.flatMap((step) => step.toolCalls.map((call) => call.input)),
    said: await called.text,
  };
}
const thinking = streamText({
  model: providers.compatible,
  prompt: ask,
  providerOptions: { headwater: { reasoningEffort: "low" } },
});
await thinking.consumeStream();
found.thoughts = await thinking.reasoningText;
console.log(JSON.stringify(found));
