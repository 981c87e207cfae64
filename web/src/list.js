// The list of chats as the server has it: a page at a time, found by words, kept up to date.
import { listed } from "./api.js";

/** @typedef {import("./store.js").Summary} Summary */

const PAGE = 50;
const MOST = 1000; // what the server gives at once
const WHILE_RUNNING = 5000;

/** Events: `change`. */
export class ChatList extends EventTarget {
  /** @type {Summary[]} The last changed first, as far as they are known. */
  chats = [];
  query = "";
  hasMore = true;
  isLoading = false;
  /** @type {any} Why it could not be fetched. */
  error = null;
  #token = "";
  #fetching = new AbortController();
  #timer = 0;
  /** How often something has come that a request before it knows nothing of. */
  #version = 0;

  /** Look for other words. @param {string} query */
  search(query) {
    this.query = query;
    return this.#fetch(PAGE, "", (page) => (this.chats = page));
  }

  /** Start over: the chats are another key's. */
  reset() {
    this.chats = [];
    return this.search(this.query);
  }

  /** The next page; after a failure a refresh comes first. */
  async more() {
    if (!this.isLoading && !this.error && this.hasMore) await this.#fetch(PAGE, this.#token, (page) => (this.chats = sorted([...this.chats, ...without(page, this.chats)])));
  }

  /** See what has changed. */
  refresh() {
    const size = Math.min(MOST, Math.max(PAGE, this.chats.length));
    return this.#fetch(size, "", (page, token) => {
      const last = page.at(-1)?.updated ?? "";
      const beyond = token ? without(this.chats, page).filter(({ updated }) => Date.parse(updated) < Date.parse(last)) : [];
      this.chats = [...page, ...beyond];
      return beyond.length > 0;
    });
  }

  /** A chat is as it is said here. @param {Summary} chat */
  put(chat) {
    const others = this.chats.filter(({ id }) => id !== chat.id);
    const isKnown = others.length < this.chats.length;
    if (!isKnown && this.query) return;
    this.#version += 1;
    this.chats = sorted([...others, chat]);
    this.#changed();
  }

  /** @param {string} id @returns {Summary | undefined} */
  find(id) {
    return this.chats.find((chat) => chat.id === id);
  }

  /** @param {string} id */
  drop(id) {
    this.#version += 1;
    this.chats = this.chats.filter((chat) => chat.id !== id);
    this.#changed();
  }

  /** @param {number} size @param {string} token @param {(page: Summary[], token: string) => any} take Says whether the token for more stays. @returns {Promise<void>} */
  async #fetch(size, token, take) {
    this.#fetching.abort();
    const fetching = (this.#fetching = new AbortController());
    this.isLoading = true;
    const version = this.#version;
    try {
      const { chats, nextPageToken = "" } = await listed({ query: this.query, token, size }, fetching.signal);
      if (fetching.signal.aborted) return;
      if (version !== this.#version) return this.#fetch(size, token, take);
      const keepsToken = take(chats, nextPageToken) === true;
      if (!keepsToken) {
        this.#token = nextPageToken;
        this.hasMore = nextPageToken !== "";
      }
      this.error = null;
    } catch (error) {
      if (fetching.signal.aborted) return;
      this.error = error;
    }
    this.isLoading = false;
    this.#changed();
  }

  #changed() {
    clearTimeout(this.#timer);
    const isOpen = this.error !== null || this.chats.some(({ running }) => running);
    if (isOpen) this.#timer = window.setTimeout(() => (document.hidden ? this.#changed() : this.refresh()), WHILE_RUNNING);
    this.dispatchEvent(new Event("change"));
  }
}

/** The last changed first. @param {Summary[]} chats */
function sorted(chats) {
  return chats.sort((a, b) => Date.parse(b.updated) - Date.parse(a.updated));
}

/** @param {Summary[]} chats @param {Summary[]} known */
function without(chats, known) {
  const ids = new Set(known.map(({ id }) => id));
  return chats.filter(({ id }) => !ids.has(id));
}
