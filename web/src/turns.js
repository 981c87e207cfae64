// Actions in the open chat: send, edit, try again, switch to another branch, stop; and their results.
import * as api from "./api.js";
import { itemOf } from "./asking.js";
import { partsOf } from "./contents.js";
import { signIn } from "./dialogs.js";
import { announce } from "./dom.js";
import { randomKey } from "./headwater.js";
import { say } from "./notice.js";
import { branches, leafBelow } from "./store.js";
import { tell } from "./tabs.js";
import { Talk } from "./talk.js";

/**
 * @typedef {import("./store.js").Message} Message
 * @typedef {import("./store.js").Part} Part
 * @typedef {import("./chat.js").Chat} Chat
 */

const A_MOMENT = 1000;

export class Turns {
  /** Answers to stop as soon as they have begun. @type {Set<string>} */
  #stopping = new Set();
  onDraw = () => this.talk.scroll.follow();

  /**
   * @param {{ outbox: import("./outbox.js").Outbox, list: import("./list.js").ChatList, scroll: import("./scroll.js").Scroll,
   *   composer: import("./composer.js").Composer, models: import("./models.js").Models, open: (id: string) => void }} parts
   */
  constructor(parts) {
    this.outbox = parts.outbox;
    this.list = parts.list;
    this.composer = parts.composer;
    this.models = parts.models;
    this.open = parts.open;
    this.talk = new Talk(parts, this);
    this.outbox.addEventListener("change", (/** @type {any} */ { detail }) => this.#sending(detail.item));
    this.outbox.addEventListener("saved", (/** @type {any} */ { detail }) => this.#saved(detail));
  }

  /** Send a new message; false if that is not possible. @param {Part[]} parts */
  send(parts) {
    const { chat } = this.talk;
    if (chat.state === "lost") {
      this.restore().then((isThere) => isThere && this.composer.send());
      return false;
    }
    if (chat.id && chat.state !== "new" && chat.state !== "there") {
      say("This chat has not loaded yet. Send again when it has.");
      return false;
    }
    this.#ask(chat.id ? chat : this.#begun(), { parts, parent: chat.shown().at(-1)?.message.id ?? null });
    return true;
  }

  /** @param {Message} message @param {string} text */
  edit(message, text) {
    const others = partsOf(message).filter((part) => part.text === undefined);
    this.#askAgain({ parts: [...others, { text }], parent: message.parent });
    this.composer.focus();
  }

  /** @param {Message} message */
  again(message) {
    if (message.parent) this.#askAgain({ parent: message.parent });
  }

  /** Ask for the rest of an answer that was cut at a limit. @param {Message} message */
  proceed(message) {
    this.#askAgain({ parts: [{ text: "Continue exactly where you stopped." }], parent: message.id });
  }

  /** Show another branch. @param {Message} message @param {number} step */
  turn(message, step) {
    const { chat } = this.talk;
    const all = chat.all();
    const among = branches(all)(message);
    const other = among[among.findIndex(({ id }) => id === message.id) + step];
    if (!other) return;
    chat.turn(leafBelow(all, other.id)).then(
      () => tell({ chat: chat.id }),
      (error) => say(`The selected version could not be saved. ${error.message}`),
    );
    this.talk.draw();
  }

  /** Stop what runs; what has not been sent is taken back. */
  stop() {
    const { running, unsent } = this.talk.conversation;
    if (running) running.stop();
    else if (!unsent) return;
    else if (this.outbox.state(unsent).error) this.takeBack(unsent);
    else this.#stopping.add(unsent);
  }

  /** Do not send it, and give its words back. @param {string} id */
  takeBack(id) {
    const { chat } = this.talk;
    const item = this.outbox.items(chat.id).find((one) => one.id === id);
    if (!item) return;
    this.outbox.drop(id);
    if (item.body.message) this.composer.giveBack(item.body.message.parts);
    if (chat.leaf === id) chat.leaf = item.body.message?.parent ?? item.body.parent ?? null;
    if (!chat.messages.size && !this.outbox.items(chat.id).length) {
      this.talk.drop(chat.id);
      this.composer.move("");
      this.open("");
    } else this.talk.load(chat); // it may have come to the server all the same
    this.list.refresh();
  }

  /** @param {string} id */
  retry(id) {
    this.outbox.retry(id);
  }

  /** Write a chat that the server has lost once more, and send what waits for it. */
  async restore() {
    const { chat } = this.talk;
    try {
      await chat.restore();
    } catch (/** @type {any} */ error) {
      say(`The chat could not be saved. ${error.message}`);
      return false;
    }
    for (const { id } of this.outbox.items(chat.id)) this.outbox.retry(id);
    this.#changed(chat.id);
    this.talk.draw();
    return true;
  }

  /** An answer has come to its end. @param {Chat} chat @param {import("./answers.js").Running} running */
  ended(chat, { message, isForgotten }) {
    const listed = this.list.find(chat.id);
    if (listed) this.list.put({ ...listed, running: false, updated: new Date().toISOString() });
    tell({ chat: chat.id });
    if (chat !== this.talk.chat) return;
    announce(message.state === "done" ? "The answer is complete." : "The answer has ended.");
    this.talk.draw();
    if (message.error?.code === 401) signIn();
    if (isForgotten) setTimeout(() => this.talk.load(chat), A_MOMENT);
  }

  /** A chat that is new. */
  #begun() {
    const chat = this.talk.find(randomKey());
    chat.state = "new";
    return chat;
  }

  /** @param {{ parts?: Part[], parent: string | null }} what */
  async #askAgain(what) {
    const { chat } = this.talk;
    if (chat.state !== "lost" || (await this.restore())) this.#ask(chat, what);
  }

  /** @param {Chat} chat @param {{ parts?: Part[], parent: string | null }} what */
  #ask(chat, what) {
    const item = itemOf(chat, { ...what, model: this.models.chosen, canThink: this.models.canThink });
    chat.leaf = item.id;
    announce("Answering…");
    this.outbox.add(item);
    if (chat !== this.talk.chat) this.open(chat.id);
    this.talk.scroll.toEnd();
  }

  /** @param {import("./outbox.js").Item} item */
  #sending(item) {
    const { chat } = this.talk;
    if (item.chat === chat.id) this.talk.draw();
    const { name, error } = this.outbox.state(item.id);
    if (name !== "refused") return;
    if (error?.status === 401) signIn();
    else if (item.chat === chat.id && chat.state === "there" && (error?.status === 400 || error?.status === 404)) this.talk.load(chat); // is it lost?
  }

  /** @param {{ item: import("./outbox.js").Item, reply: any, isWanted: boolean }} saved */
  #saved({ item, reply, isWanted }) {
    const chat = this.talk.known(item.chat);
    if (!reply || !isWanted) {
      if (reply) api.stopped(item.chat).catch(() => {}); // it was taken back too late; that it is there is seen
      if (chat) this.talk.load(chat);
      this.list.refresh();
      return;
    }
    chat?.take(item, reply);
    this.list.put(reply.chat);
    tell({ chat: item.chat });
    if (chat === this.talk.chat) this.talk.draw();
    if (this.#stopping.delete(item.id)) api.stopped(item.chat).catch((error) => say(`The answer could not be stopped. ${error.message}`));
  }

  /** @param {string} id */
  #changed(id) {
    tell({ chat: id });
    this.list.refresh();
  }
}
