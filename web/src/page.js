// The chat page: puts its parts together, and handles the address, the keyboard and the return to the tab.
import * as api from "./api.js";
import { Composer } from "./composer.js";
import { guardLinks, settingsDialog, showTheme } from "./dialogs.js";
import { announce, h, the } from "./dom.js";
import { ChatList } from "./list.js";
import { Menu } from "./menu.js";
import { copied } from "./message.js";
import { Models } from "./models.js";
import { moveChats } from "./moving.js";
import { say } from "./notice.js";
import { Outbox } from "./outbox.js";
import { Scroll } from "./scroll.js";
import { Sidebar } from "./sidebar.js";
import { onOtherSettings, settings } from "./store.js";
import { onReturn, onTold, tell } from "./tabs.js";
import { Turns } from "./turns.js";

const IDEAS = ["Explain how rivers find their way", "Write a short story about a lighthouse", "Write a Python function that finds primes"];

const outbox = new Outbox();
const list = new ChatList();
const scroll = new Scroll(the("main"), the("end"));
const models = new Models(the("model"), the("engine"));
/** @type {Composer} */
const composer = new Composer({ send: (parts) => turns.send(parts), stop: () => turns.stop() });
/** @type {Turns} */
const turns = new Turns({ outbox, list, scroll, composer, models, open });
const { talk } = turns;
const menu = new Menu({ remove, say });
const sidebar = new Sidebar(list, { open, rename, unsent, current, menu: (row) => menu.open(row), remove: (row) => menu.ask(row) });
let apiKey = settings().apiKey;

function current() {
  return location.hash.slice(1);
}

/** Show the chat that the address names. */
function show() {
  const id = current();
  if (id !== talk.chat.id) talk.show(id);
  composer.open(id);
  sidebar.draw();
  sidebar.toggle(false);
  if (!document.activeElement?.matches("#list input")) composer.focus(); // the second click on a name begins to change it
}

/** Go to a chat; to a new one without an id. @param {string} id */
function open(id) {
  location.hash = id;
  show(); // at once: what is typed next is for this chat
}

/** Chats that are not on the server yet, or have something that is not. */
function unsent() {
  return [...new Map(outbox.items().map(({ chat, title }) => [chat, { id: chat, title }])).values()];
}

/** @param {string} id @param {string} title */
async function rename(id, title) {
  const before = list.find(id);
  const chat = talk.known(id);
  const name = (/** @type {string} */ one) => {
    const listed = list.find(id);
    if (listed) list.put({ ...listed, title: one });
    if (chat) chat.title = one;
    if (chat === talk.chat) talk.draw();
  };
  name(title);
  try {
    await api.changed(id, { title });
    tell({ chat: id });
  } catch (/** @type {any} */ error) {
    if (before) name(before.title);
    say(`The new name could not be saved. ${error.message}`);
  }
}

/** @param {string} id */
async function remove(id) {
  if (id === talk.chat.id) talk.conversation.clear(talk.chat); // or its answer would be seen to break off
  const isOnlyHere = !list.find(id) && outbox.items(id).length > 0;
  try {
    await api.deleted(id);
  } catch (/** @type {any} */ error) {
    if (id === talk.chat.id) talk.draw();
    if (!isOnlyHere) return say(`The chat could not be deleted. ${error.message}`);
  }
  for (const item of outbox.items(id)) outbox.drop(item.id);
  talk.drop(id);
  list.drop(id);
  composer.forget(id);
  tell({ chat: id });
  announce("The chat was deleted.");
  if (id === current()) open("");
  else the("new").focus();
}

/** Take chats of an earlier version to the server. */
async function move() {
  const { moved, left, error } = await moveChats();
  if (!moved && !left) return;
  if (moved) list.refresh();
  if (moved) tell({ chat: "" });
  const chats = (/** @type {number} */ count) => (count === 1 ? "1 chat" : `${count} chats`);
  if (!left) say(`${chats(moved)} from this browser moved to the server.`);
  else if (error?.status !== 401) say(`${chats(left)} from an earlier version could not be moved to the server, and stay in this browser. ${error?.message ?? ""}`);
}

/** Another key: other chats. */
function keyChanged() {
  apiKey = settings().apiKey;
  models.load();
  outbox.keyChanged();
  list.reset();
  talk.forget();
  move();
}

/** Fetch what has changed while the tab was hidden. */
function comeBack() {
  if (models.hasFailed) models.load();
  talk.refresh();
}

/** @param {KeyboardEvent} event */
function press(event) {
  const key = event.key.toLowerCase();
  const isCommand = event.ctrlKey || event.metaKey;
  const isTaken = event.defaultPrevented || document.querySelector("dialog[open], :popover-open");
  if (isTaken) return;
  if (isCommand && event.shiftKey && key === "o") open("");
  else if (isCommand && !event.shiftKey && key === "k") sidebar.find();
  else if (key === "escape" && sidebar.isOpen) sidebar.toggle(false);
  else if (key === "escape") return turns.stop();
  else return;
  event.preventDefault();
}

the("ideas").append(...IDEAS.map((idea) => h("button", { type: "button", click: () => composer.write(idea) }, idea)));
the("log").addEventListener("click", (/** @type {any} */ event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) copied(button, button.closest(".code").querySelector("code").textContent);
});
document.querySelector(".skip")?.addEventListener("click", (event) => (event.preventDefault(), the("prompt").focus()));
addEventListener("keydown", press);
addEventListener("hashchange", show);
outbox.addEventListener("change", () => sidebar.draw());
onReturn(comeBack);
onTold(({ chat }) => (chat === current() ? talk.load(talk.chat) : undefined, list.refresh()));
onOtherSettings(() => (showTheme(), settings().apiKey !== apiKey && keyChanged()));
guardLinks(the("log"));
settingsDialog(keyChanged);
models.load();
list.refresh();
outbox.open();
document.body.classList.toggle("is-empty", current() === "");
move().then(show);
