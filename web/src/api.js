// The HTTP API of saved chats: docs/saved-chats.md.
import { HeadwaterError, call } from "./headwater.js";
import { settings } from "./store.js";

/** @typedef {import("./store.js").Summary} Summary */

const PATH = "/v1/chats";
const PATIENCE = 60_000;

/**
 * A page of the list: of all chats, or of those that have the words of `query`.
 * @param {{ query: string, token: string, size: number }} wanted @param {AbortSignal} signal
 * @returns {Promise<{ chats: Summary[], nextPageToken?: string }>}
 */
export function listed({ query, token, size }, signal) {
  const search = new URLSearchParams({ pageSize: String(size) });
  if (query) search.set("q", query);
  if (token) search.set("pageToken", token);
  return json(`?${search}`, { signal });
}

/** A chat with its messages. @param {string} id @returns {Promise<Summary & { messages: import("./store.js").Message[] }>} */
export function chat(id) {
  return json(at(id));
}

/** Write a chat with its messages. @param {any} draft @returns {Promise<Summary>} */
export function written(draft) {
  return json("", post(draft));
}

/** Rename a chat, or show another branch. @param {string} id @param {{ title?: string, leaf?: string }} changes @returns {Promise<Summary>} */
export function changed(id, changes) {
  return json(at(id), { ...post(changes), method: "PATCH" });
}

/** Delete a chat and all its messages. @param {string} id */
export async function deleted(id) {
  await request(at(id), { method: "DELETE" });
}

/** Ask: save a message and begin the answer. The same request twice is one. @param {string} id @param {any} body */
export function asked(id, body) {
  return json(`${at(id)}/answers`, post(body));
}

/** Stop what runs in a chat. @param {string} id */
export function stopped(id) {
  return json(`${at(id)}/stop`, { method: "POST" });
}

/** A chat as a file. @param {string} id @param {"json" | "markdown"} format @returns {Promise<Blob>} */
export async function exported(id, format) {
  return (await request(`${at(id)}/export?format=${format}`)).blob();
}

/** @param {string} id */
function at(id) {
  return `/${encodeURIComponent(id)}`;
}

/** @param {any} body @returns {RequestInit} */
function post(body) {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** @param {string} path @param {RequestInit} [init] @returns {Promise<any>} */
async function json(path, init) {
  const response = await request(path, init);
  return response.json().catch(unreachable);
}

/** @param {string} path @param {RequestInit} [init] @returns {Promise<Response>} */
async function request(path, init = {}) {
  const limited = { cache: /** @type {const} */ ("no-store"), signal: AbortSignal.timeout(PATIENCE), ...init };
  return call(PATH + path, limited, { apiKey: settings().apiKey }).catch(unreachable);
}

/** @param {unknown} error @returns {never} */
function unreachable(error) {
  if (error instanceof HeadwaterError || /** @type {any} */ (error)?.name === "AbortError") throw error;
  throw new HeadwaterError("The server cannot be reached.", 0);
}
