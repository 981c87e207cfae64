// Chats in this browser. A message is written by itself, so that two tabs never overwrite each other's.
/**
 * @typedef {{ text?: string, inlineData?: { mimeType: string, data: string } }} Part
 * @typedef {object} Message
 * @property {string} id
 * @property {string} chat
 * @property {string | null} parent The message before it; several with the same parent are branches.
 * @property {"user" | "model"} role
 * @property {number} created
 * @property {Part[]} [parts] What the user said.
 * @property {string} [text] What the model said, and what it thought.
 * @property {string} [thoughts]
 * @property {Part[]} [pictures] Pictures that the model sent.
 * @property {"running" | "done" | "stopped" | "failed"} [state]
 * @property {string} [stream] The id of the answer on the server; `after` events of it are in this message.
 * @property {number} [after]
 * @property {string} [repeatKey]
 * @property {any} [settings] Model and settings that it was asked for with.
 * @property {any} [usage]
 * @property {{ first?: number, seconds?: number }} [times]
 * @property {string} [finish] Why the model stopped, where that is worth a word.
 * @property {{ status: number, message: string, reason?: string }} [error]
 *
 * @typedef {{ id: string, title: string, created: number, updated: number, leaf: string | null }} Chat
 */

const CHAT = "headwater:chat:";
const MESSAGE = "headwater:message:";
const SETTINGS = "headwater:settings";

/** There is no room left for more. */
export class FullError extends Error {}

/** @returns {Chat[]} All chats, the newest first. */
export function chats() {
  return keys(CHAT).map(read).filter(Boolean).sort((a, b) => b.updated - a.updated);
}

/** @param {string} id @returns {Chat | null} */
export function chat(id) {
  return read(CHAT + id);
}

/** @param {Chat} value */
export function saveChat(value) {
  write(CHAT + value.id, value);
}

/** @param {string} id */
export function removeChat(id) {
  for (const key of keys(`${MESSAGE}${id}:`)) localStorage.removeItem(key);
  localStorage.removeItem(CHAT + id);
}

/** @param {string} id @returns {Map<string, Message>} */
export function messages(id) {
  const found = keys(`${MESSAGE}${id}:`).map(read).filter(Boolean);
  return new Map(found.sort((a, b) => a.created - b.created).map((message) => [message.id, message]));
}

/** @param {Message} message @returns {Message | null} */
export function stored(message) {
  return read(messageKey(message));
}

/** Write a message, unless another tab has written more of it. @param {Message} message */
export function saveMessage(message) {
  const known = stored(message);
  const isBehind = known && message.state === "running" && (known.state !== "running" || (known.after ?? 0) > (message.after ?? 0));
  if (!isBehind && (known || chat(message.chat))) write(messageKey(message), message);
}

/** The messages from the first to the leaf. @param {Map<string, Message>} all @param {string | null} leaf @returns {Message[]} */
export function path(all, leaf) {
  const found = [];
  for (let message = leaf ? all.get(leaf) : undefined; message; message = message.parent ? all.get(message.parent) : undefined) {
    found.unshift(message);
  }
  return found;
}

/** Messages with the same parent: the branches. @param {Map<string, Message>} all @param {Message} message @returns {Message[]} */
export function siblings(all, message) {
  return [...all.values()].filter((other) => other.parent === message.parent && other.role === message.role);
}

/** The newest leaf below a message. @param {Map<string, Message>} all @param {string} id @returns {string} */
export function leafBelow(all, id) {
  const below = [...all.values()].filter((message) => message.parent === id);
  return below.length ? leafBelow(all, below[below.length - 1].id) : id;
}

/** @returns {any} */
export function settings() {
  return { model: "", system: "", temperature: "", maxTokens: "", thoughts: true, theme: "", apiKey: "", ...read(SETTINGS) };
}

/** @param {any} changes */
export function saveSettings(changes) {
  write(SETTINGS, { ...settings(), ...changes });
}

/** Call `changed` with the id of a chat that another tab has changed. @param {(chat: string) => void} changed */
export function onOtherTab(changed) {
  addEventListener("storage", ({ key }) => {
    if (key === null) changed("");
    else if (key.startsWith(CHAT)) changed(key.slice(CHAT.length));
    else if (key.startsWith(MESSAGE)) changed(key.slice(MESSAGE.length).split(":")[0]);
  });
}

/** @param {Message} message */
function messageKey(message) {
  return `${MESSAGE}${message.chat}:${message.id}`;
}

/** @param {string} prefix */
function keys(prefix) {
  return Object.keys(localStorage).filter((key) => key.startsWith(prefix));
}

/** @param {string} key @returns {any} */
function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} key @param {any} value */
function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    throw new FullError("This browser has no room for more chats. Delete some that you no longer need.");
  }
}
