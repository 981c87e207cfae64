// What is asked of the server: with ids that are made here, so that it can be sent again and is still one.
import { randomKey } from "./headwater.js";
import { settings } from "./store.js";

const TITLE_LENGTH = 60;

/** @typedef {import("./store.js").Part} Part */

/**
 * What the outbox takes: a new message after `parent`, or, without parts, `parent` answered once more.
 * @param {import("./chat.js").Chat} chat @param {{ parts?: Part[], parent: string | null, model: string, canThink: boolean }} asked
 * @returns {import("./outbox.js").Item}
 */
export function itemOf(chat, { parts, parent, model, canThink }) {
  const { system, temperature, maxTokens, thoughts, apiKey } = settings();
  const what = parts ? { message: { id: randomKey(), parent, parts } } : { parent };
  const id = randomKey();
  const body = { ...what, answer: { id }, ...askedWith({ model, system, temperature, maxTokens, thoughts: thoughts && canThink }) };
  return { id, chat: chat.id, title: chat.title || titleOf(parts ?? []), created: Date.now(), apiKey, body };
}

/** What a chat is called that begins with this. @param {Part[]} parts */
function titleOf(parts) {
  const words = parts.map((part) => part.text ?? "").join(" ").trim().replace(/\s+/g, " ");
  return words.length > TITLE_LENGTH ? `${words.slice(0, TITLE_LENGTH - 1)}…` : words || (parts.some(({ inlineData }) => inlineData?.mimeType.startsWith("image/")) ? "A picture" : "A file");
}

/** What to ask with: the model and the settings, as the Gemini API has them. @param {any} chosen @returns {any} */
function askedWith({ model, system, temperature, maxTokens, thoughts }) {
  /** @type {any} */
  const generationConfig = {};
  if (temperature !== "") generationConfig.temperature = Number(temperature);
  if (maxTokens !== "") generationConfig.maxOutputTokens = Number(maxTokens);
  if (thoughts) generationConfig.thinkingConfig = { includeThoughts: true };
  return { model, generationConfig, ...(system.trim() && { systemInstruction: { parts: [{ text: system }] } }) };
}
