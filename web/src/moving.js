// Chats that an earlier version of the page kept in this browser: they are moved to the server, once.
import { written } from "./api.js";
import { grow } from "./contents.js";
import { attach } from "./headwater.js";
import { keys, read, settings } from "./store.js";

const CHAT = "headwater:chat:";
const MESSAGE = "headwater:message:";

/** Move them, the oldest first; each is removed here when the server has it. @returns {Promise<{ moved: number, left: number, error: any }>} */
export async function moveChats() {
  const chats = keys(CHAT).map(read).filter(Boolean).sort((a, b) => a.updated - b.updated);
  let moved = 0;
  let error = null;
  for (const chat of chats) {
    try {
      const kept = keys(`${MESSAGE}${chat.id}:`);
      await written(await draftOf(chat, kept.map(read).filter(Boolean)));
      for (const key of [CHAT + chat.id, ...kept]) localStorage.removeItem(key);
      moved += 1;
    } catch (/** @type {any} */ problem) {
      error = problem;
      if (problem.isPassing || problem.status === 401) break; // the others would fare no better
    }
  }
  return { moved, left: keys(CHAT).length, error };
}

/** A chat as the server takes it. @param {any} chat @param {any[]} old */
async function draftOf({ id, title, created, updated, leaf }, old) {
  const known = new Set(old.map((message) => message.id));
  const messages = [];
  for (const message of old.sort((a, b) => a.created - b.created)) {
    const moved = messageOf(message);
    if (!known.has(message.parent)) moved.parent = null;
    if (moved.state === "running") await readOn(moved, message);
    messages.push(moved);
  }
  const model = old.findLast((message) => message.settings)?.settings.model;
  return { id, title, model, created: date(created), updated: date(updated), ...(known.has(leaf) && { leaf }), messages };
}

/** @param {any} old @returns {any} */
function messageOf({ id, parent, role, created, parts, thoughts, text, pictures, state = "done", settings: asked, usage, times, finish, error }) {
  const common = { id, parent: parent ?? null, role, state, created: date(created) };
  if (role === "user") return { ...common, contents: [{ role, parts: parts ?? [] }] };
  const said = [...(thoughts ? [{ text: thoughts, thought: true }] : []), ...(text ? [{ text }] : []), ...(pictures ?? [])];
  const details = error?.reason ? [{ reason: error.reason }] : [];
  return {
    ...common,
    contents: said.length ? [{ role, parts: said }] : [],
    model: asked?.model,
    finish_reason: finish ?? (state === "done" ? "STOP" : undefined),
    usage,
    metrics: times && { first_chunk: times.first, seconds: times.seconds },
    error: error && { code: error.status, message: error.message, details },
  };
}

/** An answer that was not at its end: read the rest, if the server has it. @param {any} message @param {{ stream?: string, after?: number }} old */
async function readOn(message, { stream, after }) {
  message.state = "stopped";
  if (!stream) return;
  try {
    for await (const { type, data } of attach(stream, { apiKey: settings().apiKey, after, retryFor: 3 })) {
      if (type === "chunk") grow(message, data);
      else if (type === "end") message.state = data.reason === "cancelled" ? "stopped" : "done";
    }
  } catch {
    // the server has dropped it: the part received is moved
  }
}

/** @param {number} [milliseconds] */
function date(milliseconds = 0) {
  return new Date(milliseconds).toISOString();
}
