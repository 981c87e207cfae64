// The messages of the branch that is shown. A view stays as long as its message does; running answers are read while they are here.
import { Running } from "./answers.js";
import { arrange } from "./dom.js";
import { AnswerView, userView } from "./message.js";
import { UnsentView } from "./unsent.js";

/**
 * @typedef {import("./store.js").Message} Message
 * @typedef {import("./chat.js").Chat} Chat
 * @typedef {{ at: number, of: number }} Branch
 * @typedef {{ message: Message, sign: string, element: HTMLElement, running?: Running, unsent?: UnsentView }} Shown
 */

export class Conversation {
  /** @type {Shown[]} */
  #shown = [];

  /**
   * @param {HTMLElement} box @param {import("./outbox.js").Outbox} outbox
   * @param {any} actions Those of the views, and `ended` for answers that have come to their end.
   */
  constructor(box, outbox, actions) {
    this.box = box;
    this.outbox = outbox;
    this.actions = actions;
  }

  /** The answer that runs on this branch, if one does. @returns {Running | undefined} */
  get running() {
    return this.#shown.find(({ message, running }) => running && message.state === "running")?.running;
  }

  /** The id of the answer that is on its way to the server, if one is. */
  get unsent() {
    return this.#shown.find(({ unsent }) => unsent)?.unsent?.id;
  }

  get isEmpty() {
    return this.#shown.length === 0;
  }

  /** @param {Chat} chat */
  draw(chat) {
    const before = new Map(this.#shown.map((shown) => [shown.message.id, shown]));
    const wanted = chat.shown().map((shown) => ({ ...shown, known: known(before.get(shown.message.id), shown) }));
    const kept = new Set(wanted.map((one) => one.known));
    for (const { running } of this.#shown.filter((shown) => !kept.has(shown))) this.#leave(chat, running);
    this.#shown = wanted.map(({ known: same, message, branch }) => (same ? Object.assign(same, { message }) : this.#view(chat, message, branch)));
    arrange(this.box, this.#shown.map(({ element }) => element));
    for (const { unsent } of this.#shown) unsent?.show(this.outbox.state(unsent.id), chat.state === "lost");
  }

  /** Show nothing, and read nothing. @param {Chat} chat */
  clear(chat) {
    for (const { running } of this.#shown) this.#leave(chat, running);
    this.#shown = [];
    this.box.replaceChildren();
  }

  /** @param {Chat} chat @param {Running} [running] */
  #leave(chat, running) {
    running?.leave();
    if (running) chat.live.delete(running.message.id);
  }

  /** @param {Chat} chat @param {Message} message @param {Branch} branch @returns {Shown} */
  #view(chat, message, branch) {
    const sign = signOf(branch);
    const isSent = message.state !== "sending";
    if (message.role === "user") return { message, sign, element: userView(message, branch, this.actions, isSent) };
    if (!isSent) {
      const unsent = new UnsentView(message.id, this.actions);
      return { message, sign, unsent, element: unsent.element };
    }
    const view = new AnswerView(message, branch, this.actions);
    const running = message.state === "running" ? this.#read(chat, message, view) : undefined;
    return { message, sign, running, element: view.element };
  }

  /** @param {Chat} chat @param {Message} message @param {AnswerView} view */
  #read(chat, message, view) {
    const running = new Running(message, chat.id);
    view.follow(running);
    chat.live.add(message.id);
    running.addEventListener("end", () => {
      chat.live.delete(message.id);
      if (running.isForgotten) chat.doubtful.add(message);
      this.actions.ended(chat, running);
    });
    running.run();
    return running;
  }
}

/** @param {Branch} branch */
function signOf({ at, of }) {
  return `${at} of ${of}`;
}

/** What is shown, if it is this already. What is on its way is a new object each time. @param {Shown | undefined} shown @param {{ message: Message, branch: Branch }} wanted */
function known(shown, { message, branch }) {
  if (shown?.sign !== signOf(branch)) return undefined;
  return shown.message === message || (message.state === "sending" && shown.message.state === "sending") ? shown : undefined;
}
