// What the page knows of a chat, as the server has it; and what only this browser has: the settings.
/**
 * @typedef {any} Part A part of the Gemini API: text, a thought, an image, a function call ...
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string | null} parent The message before it; several with the same parent are branches.
 * @property {"user" | "model"} role
 * @property {"running" | "done" | "stopped" | "failed" | "sending"} state `sending`: the server has not said yet that it has it.
 * @property {string} created
 * @property {{ role?: string, parts: Part[] }[]} contents
 * @property {string} [model]
 * @property {string} [stream] The name of the answer's stream; `next` of its events are in `contents`.
 * @property {number} [next]
 * @property {string} [finish_reason]
 * @property {any} [usage]
 * @property {any} [metrics]
 * @property {any} [error] As Google writes it.
 *
 * @typedef {{ id: string, title: string, model?: string, created: string, updated: string, leaf: string | null, running?: boolean }} Summary
 */

const SETTINGS = "headwater:settings";

/** @returns {any} */
export function settings() {
  return { model: "", system: "", temperature: "", maxTokens: "", thoughts: true, theme: "", apiKey: "", ...read(SETTINGS) };
}

/** @param {any} changes */
export function saveSettings(changes) {
  write(SETTINGS, { ...settings(), ...changes });
}

/** Call `changed` when another tab has changed the settings. @param {() => void} changed */
export function onOtherSettings(changed) {
  addEventListener("storage", ({ key }) => key === SETTINGS && changed());
}

/** The messages from the first to the leaf. @param {Map<string, Message>} all @param {string | null} leaf @returns {Message[]} */
export function path(all, leaf) {
  const found = new Set();
  for (let message = all.get(leaf ?? ""); message && !found.has(message); message = all.get(message.parent ?? "")) found.add(message);
  return [...found].reverse();
}

/** Messages with the same parent: for each message, all branches that it is one of. @param {Map<string, Message>} all @returns {(message: Message) => Message[]} */
export function branches(all) {
  const kind = (/** @type {Message} */ { parent, role }) => `${role} ${parent}`;
  const found = grouped([...all.values()], kind);
  return (message) => found.get(kind(message)) ?? [];
}

/** @template T @param {T[]} all @param {(one: T) => string} kind @returns {Map<string, T[]>} */
export function grouped(all, kind) {
  /** @type {Map<string, T[]>} */
  const found = new Map();
  for (const one of all) {
    const group = found.get(kind(one));
    if (group) group.push(one);
    else found.set(kind(one), [one]);
  }
  return found;
}

/** The newest leaf below a message. @param {Map<string, Message>} all @param {string} id @returns {string} */
export function leafBelow(all, id) {
  const newest = new Map([...all.values()].map((message) => [message.parent, message.id]));
  for (let below = newest.get(id); below !== undefined; below = newest.get(id)) id = below;
  return id;
}

/** The names in `localStorage` that begin so. @param {string} prefix */
export function keys(prefix) {
  return Object.keys(localStorage).filter((key) => key.startsWith(prefix));
}

/** @param {string} key @returns {any} */
export function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** Write, and say whether there was room for it. @param {string} key @param {any} value */
export function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
