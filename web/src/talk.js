// The chat that is open: shown, and fetched again when it may have changed elsewhere.
import { Chat } from "./chat.js";
import { Conversation } from "./conversation.js";
import { the } from "./dom.js";
import { stand } from "./notice.js";

const RETRY = 3000;
const KEPT = 20; // chats that were open before are shown at once when they are opened again

export class Talk {
  /** @type {Map<string, Chat>} */
  #kept = new Map();
  #retry = 0;

  /**
   * @param {{ outbox: import("./outbox.js").Outbox, list: import("./list.js").ChatList, scroll: import("./scroll.js").Scroll,
   *   composer: import("./composer.js").Composer }} parts
   * @param {any} actions What the views can do, `restore`, and `open` for another chat.
   */
  constructor({ outbox, list, scroll, composer }, actions) {
    this.outbox = outbox;
    this.list = list;
    this.scroll = scroll;
    this.composer = composer;
    this.actions = actions;
    this.conversation = new Conversation(the("log"), outbox, actions);
    this.chat = new Chat("", () => []);
  }

  /** A chat that is open, or was. @param {string} id */
  known(id) {
    return this.#kept.get(id);
  }

  /** @param {string} id @returns {Chat} */
  find(id) {
    const found = this.#kept.get(id) ?? new Chat(id, (chat) => this.outbox.items(chat));
    this.#kept.delete(id);
    this.#kept.set(id, found); // the last one is the one that was open last
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value ?? "");
    return found;
  }

  /** Open a chat; the empty id is a new one. @param {string} id */
  show(id) {
    this.conversation.clear(this.chat);
    this.chat = id ? this.find(id) : new Chat("", () => []);
    this.draw();
    this.scroll.toEnd();
    if (id && this.chat.state !== "new") this.load(this.chat);
  }

  /** Fetch a chat, and draw it if it is open. @param {Chat} chat */
  async load(chat) {
    if (!chat.id) return;
    clearTimeout(this.#retry);
    const isNew = !chat.messages.size;
    const loading = chat.load();
    if (chat === this.chat) this.draw();
    const isSettled = await loading;
    if (chat.state === "there" && chat.summary) this.list.put(chat.summary);
    if (chat !== this.chat) return;
    this.draw();
    if (isNew) this.scroll.toEnd();
    if (!isSettled) this.#retry = window.setTimeout(() => chat === this.chat && this.load(chat), RETRY);
  }

  /** See what has changed on the server. */
  async refresh() {
    await this.list.refresh();
    const { chat } = this;
    const listed = this.list.find(chat.id);
    if (chat.id && chat.state !== "new" && !(listed && chat.isAs(listed))) await this.load(chat);
  }

  /** Another key: nothing of what was fetched is to be seen. */
  forget() {
    const { id } = this.chat;
    this.#kept.clear();
    this.show(id);
  }

  /** A chat is gone. @param {string} id */
  drop(id) {
    this.#kept.delete(id);
  }

  draw() {
    const { chat, conversation, composer } = this;
    conversation.draw(chat);
    document.body.classList.toggle("is-empty", chat.id === "");
    document.body.classList.toggle("is-loading", chat.state === "loading" && conversation.isEmpty);
    document.title = chat.title || this.outbox.items(chat.id)[0]?.title || "headwater";
    composer.busy(Boolean(conversation.running ?? conversation.unsent));
    this.#stand();
    this.scroll.follow();
  }

  #stand() {
    const { chat, conversation, actions } = this;
    const open = { label: "New chat", act: () => actions.open("") };
    const restore = { label: "Save again", act: () => actions.restore() };
    if (chat.state === "unreachable") stand("The server cannot be reached, so this chat cannot be shown yet. Retrying…");
    else if (chat.state === "refused") stand("This server needs an API key: enter it in Settings.");
    else if (chat.state !== "lost") stand("");
    else if (conversation.isEmpty) stand("This chat does not exist. It may have been deleted, or belong to another API key.", [open]);
    else stand("The server no longer has this chat: it was deleted, or was in the memory of a server that has stopped. It stays here as long as this page is open.", [restore, open]);
  }
}
