// What was asked and is not yet known to be saved: kept in this browser, and sent until the server has it or refuses.
import { asked } from "./api.js";
import { HeadwaterError } from "./headwater.js";
import { keys, read, settings, write } from "./store.js";

/**
 * @typedef {object} Item
 * @property {string} id That of the answer: sent twice, it is the same answer.
 * @property {string} chat
 * @property {string} title Of the chat, as far as this page knows.
 * @property {number} created
 * @property {string} apiKey Whose it is.
 * @property {any} body What is sent.
 *
 * @typedef {{ name: "sending" | "waiting" | "refused", error?: HeadwaterError, isKept: boolean }} State `isKept`: a reload loses nothing.
 */

const PREFIX = "headwater:outbox:";
const LONGEST_PAUSE = 8000;
const FIRST_PAUSE = 500;

/** Events: `change` (its state), `saved` (with the `item` and the server's `reply`); `detail` has the item. */
export class Outbox extends EventTarget {
  /** @type {Map<string, Item>} */
  #items = new Map();
  /** @type {Map<string, State>} */
  #states = new Map();
  /** @type {Map<string, () => void>} */
  #wakers = new Map();

  constructor() {
    super();
    addEventListener("beforeunload", (event) => [...this.#items.keys()].some((id) => !read(PREFIX + id)) && event.preventDefault());
  }

  /** Send what an earlier visit, or another tab that is gone, has left. */
  open() {
    const left = keys(PREFIX).map(read).filter(Boolean);
    for (const item of left.sort((a, b) => a.created - b.created)) this.#begin(item);
  }

  /** Send. If it cannot be stored, the page asks before it is left. @param {Item} item */
  add(item) {
    this.#begin(item);
  }

  /** What waits for a chat, the oldest first; for all chats without one. @param {string} [chat] @returns {Item[]} */
  items(chat) {
    const found = [...this.#items.values()].filter((item) => this.#isOurs(item) && (chat === undefined || item.chat === chat));
    return found.sort((a, b) => a.created - b.created);
  }

  /** @param {string} id @returns {State} */
  state(id) {
    return this.#states.get(id) ?? { name: "sending", isKept: true };
  }

  /** Try again now. @param {string} id */
  retry(id) {
    const item = this.#items.get(id);
    if (!item) return;
    if (this.state(id).name === "refused") {
      item.apiKey = settings().apiKey;
      this.#begin(item);
    } else this.#wakers.get(id)?.();
  }

  /** Give one up. @param {string} id */
  drop(id) {
    localStorage.removeItem(PREFIX + id);
    this.#items.delete(id);
    this.#wakers.get(id)?.();
  }

  /** The API key is another one: what was refused for want of one is sent with it. */
  keyChanged() {
    for (const item of this.#items.values()) {
      if (this.state(item.id).error?.status === 401) this.retry(item.id);
      else if (this.state(item.id).name === "waiting") this.#wakers.get(item.id)?.();
    }
  }

  /** @param {Item} item */
  #isOurs({ id, apiKey }) {
    return apiKey === settings().apiKey || this.#states.get(id)?.error?.status === 401;
  }

  /** @param {Item} item */
  #begin(item) {
    const isKept = write(PREFIX + item.id, item);
    this.#items.set(item.id, item);
    this.#tell(item, { name: "sending", isKept });
    this.#send(item, isKept).catch((error) => this.#tell(item, { name: "refused", error, isKept }));
  }

  /** @param {Item} item @param {boolean} isKept */
  async #send(item, isKept) {
    for (let pause = FIRST_PAUSE; this.#items.get(item.id) === item; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
      if (isKept && !read(PREFIX + item.id)) return this.#settledElsewhere(item);
      if (this.#isOurs(item)) {
        this.#tell(item, { name: "sending", error: this.state(item.id).error, isKept });
        try {
          return this.#saved(item, await asked(item.chat, item.body));
        } catch (error) {
          if (!(error instanceof HeadwaterError) || !error.isPassing || error.status === 429) throw error;
          this.#tell(item, { name: "waiting", error, isKept });
        }
      }
      await this.#pause(item.id, pause * (0.5 + Math.random() / 2));
    }
  }

  /** @param {Item} item @param {any} reply */
  #saved(item, reply) {
    const isWanted = this.#items.get(item.id) === item;
    this.drop(item.id);
    this.dispatchEvent(new CustomEvent("saved", { detail: { item, reply, isWanted } }));
  }

  /** Another tab has sent it, or has given it up: the server knows which. @param {Item} item */
  #settledElsewhere(item) {
    this.drop(item.id);
    this.dispatchEvent(new CustomEvent("saved", { detail: { item, reply: null, isWanted: true } }));
  }

  /** @param {Item} item @param {State} state */
  #tell(item, state) {
    this.#states.set(item.id, state);
    this.dispatchEvent(new CustomEvent("change", { detail: { item } }));
  }

  /** Wait; less if the network comes back. @param {string} id @param {number} milliseconds */
  async #pause(id, milliseconds) {
    await new Promise((resolve) => {
      const done = () => resolve(undefined);
      this.#wakers.set(id, done);
      setTimeout(done, milliseconds);
      addEventListener("online", done, { once: true });
    });
    this.#wakers.delete(id);
  }
}
