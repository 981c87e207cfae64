// The chat page: what is shown, and what happens when somebody sends, edits, stops or comes back.
import { answer } from "./answers.js";
import { Composer } from "./composer.js";
import { guardLinks, openSettings, settingsDialog } from "./dialogs.js";
import { announce, h, the } from "./dom.js";
import { randomKey } from "./headwater.js";
import { AnswerView, copied, userView } from "./message.js";
import { Models } from "./models.js";
import { Scroll } from "./scroll.js";
import { Sidebar } from "./sidebar.js";
import * as store from "./store.js";

const IDEAS = ["Explain how rivers find their way", "Write a short story about a lighthouse", "Write a Python function that finds primes"];
const TITLE_LENGTH = 60;

/** @type {Map<string, store.Message>} */
let all = new Map();
let shown = ""; // which messages are on the page
let current = "";
/** @type {import("./answers.js").Running | null} */
let running = null;

const scroll = new Scroll(the("main"), the("end"));
const models = new Models(the("model"), the("engine"));
const composer = new Composer({ send, stop: () => running?.stop() });
const sidebar = new Sidebar({ open: openChat, remove: removeChat, current: () => current });
const actions = { edit, again, turn, onDraw: () => scroll.follow() };

/** Show the chat that the address names. */
function showChat() {
  const id = location.hash.slice(1);
  const isOther = id !== current;
  current = id;
  document.body.classList.toggle("is-empty", !store.chat(id));
  document.title = store.chat(id)?.title ?? "headwater";
  draw(isOther);
  sidebar.draw();
  if (isOther) {
    sidebar.toggle(false);
    scroll.toEnd();
    if (matchMedia("(hover: hover)").matches) the("prompt").focus();
  }
}

/** Draw the messages; those of a running answer only if they are not on the page yet. @param {boolean} [isAnew] */
function draw(isAnew = false) {
  all = store.messages(current);
  const messages = store.path(all, store.chat(current)?.leaf ?? null);
  const sign = messages.map(({ id, role, state }) => `${id}${role === "model" && state !== "running" ? state : ""}${store.siblings(all, /** @type {any} */ (all.get(id))).length}`).join();
  if (sign === shown && !isAnew) return;
  shown = sign;
  running = null;
  const views = messages.map((message, at) => viewOf(message, messages.slice(0, at)));
  the("log").replaceChildren(...views);
  document.body.classList.toggle("is-empty", messages.length === 0);
  composer.busy(running !== null);
  scroll.follow();
}

/** @param {store.Message} message @param {store.Message[]} before */
function viewOf(message, before) {
  const branches = store.siblings(all, message);
  const branch = { at: branches.findIndex(({ id }) => id === message.id), of: branches.length };
  if (message.role === "user") return userView(message, branch, actions);
  if (message.state !== "running") return new AnswerView(message, branch, actions).element;
  const now = answer(message, before);
  const view = new AnswerView(now.message, branch, actions); // what is being read, which may be ahead of what is saved
  running = now;
  view.follow(now);
  now.addEventListener("end", () => finished(now));
  return view.element;
}

/** @param {import("./answers.js").Running} done */
function finished(done) {
  const { message } = done;
  if (message.chat !== current) return;
  if (running === done) running = null;
  composer.busy(running !== null);
  all.set(message.id, message);
  shown = "";
  announce(message.state === "done" ? "The answer is complete." : "The answer has ended.");
  scroll.follow();
  if (message.error?.status === 401) openSettings("apiKey");
}

/** @param {store.Part[]} parts */
function send(parts) {
  const chat = store.chat(current) ?? newChat(parts);
  return ask(chat, parts, chat.leaf);
}

/** Add a message and the answer to it. @param {store.Chat} chat @param {store.Part[]} parts @param {string | null} parent */
function ask(chat, parts, parent) {
  return reply(chat, { ...newMessage(chat, parent), role: "user", parts });
}

/** @param {store.Chat} chat @param {store.Message} message What the user said, saved or not. */
function reply(chat, message) {
  const { model, system, temperature, maxTokens, thoughts } = store.settings();
  const chosen = { model: models.chosen || model, system, temperature, maxTokens, thoughts: thoughts && models.canThink };
  const fields = { role: /** @type {const} */ ("model"), state: /** @type {const} */ ("running"), repeatKey: randomKey(), settings: chosen };
  const found = { ...newMessage(chat, message.id), ...fields };
  const leaf = chat.leaf;
  try {
    store.saveChat({ ...chat, leaf: found.id, updated: Date.now() });
    store.saveMessage(message);
    store.saveMessage(found);
  } catch (error) {
    if (!(error instanceof store.FullError)) throw error;
    if (leaf) store.saveChat({ ...chat, leaf });
    else store.removeChat(chat.id);
    say(error.message);
    return false;
  }
  announce("Answering…");
  if (location.hash.slice(1) === chat.id) showChat();
  else location.hash = chat.id;
  scroll.toEnd();
  return true;
}

/** @param {store.Message} message @param {string} text */
function edit(message, text) {
  const pictures = (message.parts ?? []).filter((part) => part.inlineData);
  ask(chatOf(message), [...pictures, { text }], message.parent);
}

/** @param {store.Message} message */
function again(message) {
  const asked = all.get(message.parent ?? "");
  if (asked) reply(chatOf(message), asked);
}

/** Show another branch. @param {store.Message} message @param {number} step */
function turn(message, step) {
  const branches = store.siblings(all, message);
  const other = branches[branches.findIndex(({ id }) => id === message.id) + step];
  if (!other) return;
  store.saveChat({ ...chatOf(message), leaf: store.leafBelow(all, other.id) });
  showChat();
}

/** @param {store.Message} message @returns {store.Chat} */
function chatOf(message) {
  return /** @type {store.Chat} */ (store.chat(message.chat));
}

/** @param {store.Part[]} parts @returns {store.Chat} */
function newChat(parts) {
  const words = parts.map((part) => part.text ?? "").join(" ").trim().replace(/\s+/g, " ");
  const title = words.length > TITLE_LENGTH ? `${words.slice(0, TITLE_LENGTH - 1)}…` : words || "A picture";
  const now = Date.now();
  return { id: randomKey(), title, created: now, updated: now, leaf: null };
}

/** @param {store.Chat} chat @param {string | null} parent */
function newMessage(chat, parent) {
  return { id: randomKey(), chat: chat.id, parent, created: Date.now() };
}

/** @param {string} id */
function openChat(id) {
  if (id === current) sidebar.toggle(false);
  location.hash = id;
  the("prompt").focus();
}

/** @param {string} id */
function removeChat(id) {
  if (id === current) running?.stop();
  store.removeChat(id);
  if (id === current) location.hash = "";
  sidebar.draw();
  announce("The chat is deleted.");
}

/** Say something above the message box. @param {string} words */
function say(words) {
  announce(words);
  the("hint").textContent = words;
}

the("ideas").append(...IDEAS.map((idea) => h("button", { type: "button", click: () => composer.write(idea) }, idea)));
the("log").addEventListener("click", (/** @type {any} */ event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) copied(button, button.closest(".code").querySelector("code").textContent);
});
addEventListener("keydown", (event) => event.key === "Escape" && !document.querySelector("dialog[open]") && running?.stop());
addEventListener("hashchange", showChat);
store.onOtherTab((id) => (id === current || id === "" ? showChat() : sidebar.draw()));
guardLinks(the("log"));
settingsDialog(() => models.load());
models.load();
current = "\0";
showChat();
