// An open chat: its messages as the server has them, and those that are on their way there.
import * as api from "./api.js";
import { textIn } from "./contents.js";
import { branches, path } from "./store.js";

/**
 * @typedef {import("./store.js").Message} Message
 * @typedef {import("./store.js").Summary} Summary
 * @typedef {import("./outbox.js").Item} Item
 * @typedef {"unknown" | "new" | "loading" | "there" | "lost" | "unreachable" | "refused"} ChatState
 *   `new`: all there is of it is on its way to the server. `lost`: the server has it no more.
 */

const ENDS = ["done", "stopped", "failed"];

export class Chat {
  title = "";
  /** @type {Map<string, Message>} */
  messages = new Map();
  /** @type {string | null} */
  leaf = null;
  /** @type {ChatState} */
  state = "unknown";
  /** Messages that are being read at the moment: what is read is newer than what is fetched. @type {Set<string>} */
  live = new Set();
  /** Those whose stream is gone: what the server has of them is better, unless it is less. @type {Set<Message>} */
  doubtful = new Set();
  /** What the server said of it last. @type {Summary | null} */
  summary = null;
  /** How often something has come that a request before it knows nothing of. */
  #version = 0;
  /** The leaf that is being sent to the server. */
  #turning = "";

  /** @param {string} id @param {(chat: string) => Item[]} unsent */
  constructor(id, unsent) {
    this.id = id;
    this.unsent = unsent;
  }

  /** What the server has not said to have is in it, as `sending`. @returns {Map<string, Message>} */
  all() {
    const found = new Map(this.messages);
    for (const item of this.unsent(this.id)) for (const message of messagesOf(item)) if (!found.has(message.id)) found.set(message.id, message);
    return found;
  }

  /** The branch that is shown. @returns {{ message: Message, branch: { at: number, of: number } }[]} */
  shown() {
    const all = this.all();
    const leaf = this.leaf && all.has(this.leaf) ? this.leaf : (this.unsent(this.id).at(-1)?.id ?? null);
    const branchesOf = branches(all);
    return path(all, leaf).map((message) => {
      const among = branchesOf(message);
      return { message, branch: { at: among.findIndex(({ id }) => id === message.id), of: among.length } };
    });
  }

  /** Fetch it; messages that are known already stay the same objects. False if it is worth to try again. @returns {Promise<boolean>} */
  async load() {
    if (["unknown", "unreachable", "refused"].includes(this.state)) this.state = "loading";
    const version = this.#version;
    try {
      const fresh = await api.chat(this.id);
      if (version !== this.#version) return this.load(); // it was fetched before what has come since
      this.#merge(fresh);
      return true;
    } catch (/** @type {any} */ error) {
      this.state = this.#after(error);
      return !error.isPassing;
    }
  }

  /** Whether it is here as the list has it. @param {Summary} summary */
  isAs(summary) {
    return this.state === "there" && this.summary !== null && signOf(this.summary) === signOf(summary);
  }

  /** Take the server's answer to what was asked. @param {Item} item @param {any} reply */
  take(item, { chat, message, answer }) {
    this.#version += 1;
    this.title = chat.title;
    this.state = "there";
    this.summary = chat;
    for (const one of [message, answer]) if (one && !this.live.has(one.id)) this.messages.set(one.id, this.#newer(one));
    if (!this.leaf || this.leaf === item.id) this.leaf = item.id;
  }

  /** Show another branch, and let the server know. @param {string} leaf */
  async turn(leaf) {
    this.leaf = leaf;
    if (this.all().get(leaf)?.state === "sending" || this.state !== "there") return;
    this.#turning = leaf;
    try {
      this.summary = await api.changed(this.id, { leaf });
    } finally {
      if (this.#turning === leaf) this.#turning = "";
      this.#version += 1;
    }
  }

  /** Write it to the server once more, as it is shown. */
  async restore() {
    const messages = [...this.messages.values()].map(({ stream, next, ...message }) => ({
      ...message,
      state: message.state === "running" ? "stopped" : message.state,
    }));
    const { model, created } = this.summary ?? {};
    await api.written({ model, created, id: this.id, title: this.title, leaf: this.messages.has(this.leaf ?? "") ? this.leaf : undefined, messages });
    this.state = "there";
    this.#version += 1;
  }

  /** @param {any} error @returns {ChatState} */
  #after({ status }) {
    if (status === 404 || status === 400) return this.messages.size || !this.unsent(this.id).length ? "lost" : "new";
    if (this.state !== "loading") return this.state;
    return status === 401 || status === 403 ? "refused" : "unreachable";
  }

  /** @param {Summary & { messages: Message[] }} fresh */
  #merge({ messages, ...summary }) {
    const { title, leaf } = summary;
    this.title = title;
    this.state = "there";
    this.summary = summary;
    const waiting = this.unsent(this.id).map(({ id }) => id);
    if (this.leaf === null && waiting.length) this.leaf = waiting[waiting.length - 1];
    else if (!waiting.includes(this.leaf ?? "")) this.leaf = this.#turning || leaf;
    this.messages = new Map(messages.map((message) => [message.id, this.#newer(message)]));
  }

  /** A message as it is fetched, or as it is here already. @param {Message} given */
  #newer(given) {
    const fresh = { ...given, contents: given.contents ?? [] }; // absent before the first word
    const known = this.messages.get(fresh.id);
    if (!known || known.stream !== fresh.stream) return fresh; // another stream: it was gone on with
    if (this.doubtful.has(known) && known.state === "running") return fresh;
    if (this.doubtful.has(known) && fresh.state !== "running") return textIn(fresh).length < textIn(known).length ? known : fresh;
    const isNewer = this.live.has(fresh.id) || ENDS.includes(known.state);
    return isNewer || known.next === fresh.next ? known : fresh;
  }
}

/** What of a chat tells whether it has changed. @param {Summary} chat */
function signOf({ updated, leaf, title }) {
  return JSON.stringify([updated, leaf, title]);
}

/** What is to be sent, as messages. @param {Item} item @returns {Message[]} */
function messagesOf({ id, created, body }) {
  const common = { state: /** @type {const} */ ("sending"), created: new Date(created).toISOString() };
  const { message, parent = message?.id, model } = body;
  const answer = { ...common, id, parent, role: /** @type {const} */ ("model"), model, contents: [] };
  if (!message) return [answer];
  const contents = [{ role: "user", parts: message.parts }];
  return [{ ...common, id: message.id, parent: message.parent, role: "user", contents }, answer];
}
