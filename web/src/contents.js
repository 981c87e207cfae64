// The contents of a message, as the Gemini API has them: read, and grown by the chunks of an answer.
/**
 * @typedef {import("./store.js").Message} Message
 * @typedef {import("./store.js").Part} Part
 */

/** All parts of a message. @param {Message} message @returns {Part[]} */
export function partsOf(message) {
  return message.contents.flatMap(({ parts }) => parts ?? []);
}

/** What a message says, without thoughts. @param {Message} message @returns {string} */
export function textIn(message) {
  return partsOf(message).map((part) => (part.thought ? "" : (part.text ?? ""))).join("");
}

/** Take a chunk into the answer that it belongs to. @param {Message} message @param {any} chunk @returns {Part[]} The parts that are new. */
export function grow(message, chunk) {
  const candidate = chunk.candidates?.[0];
  if (chunk.usageMetadata) message.usage = chunk.usageMetadata;
  message.finish_reason = candidate?.finishReason ?? chunk.promptFeedback?.blockReason ?? message.finish_reason;
  const role = candidate?.content?.role ?? "model";
  const parts = candidate?.content?.parts ?? [];
  for (const part of parts) add(message, role, part);
  return parts;
}

/** @param {Message} message @param {string} role @param {Part} part */
function add(message, role, part) {
  const last = message.contents.at(-1);
  const before = last?.parts.at(-1);
  if (last?.role !== role) message.contents.push({ role, parts: [{ ...part }] });
  else if (isPlain(part) && before && isPlain(before) && Boolean(part.thought) === Boolean(before.thought)) before.text += part.text;
  else last.parts.push({ ...part });
}

/** Whether there is nothing but text, or thought, in a part. @param {Part} part */
function isPlain(part) {
  return typeof part.text === "string" && Object.keys(part).every((key) => key === "text" || key === "thought");
}
