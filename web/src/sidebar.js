// The list of chats: by day, fetched as it is scrolled, searched on the server; a drawer on small screens.
import { dayWords } from "./days.js";
import { arrange, h, the } from "./dom.js";
import { Row } from "./row.js";

const WHILE_WRITING = 200;
const NEAR = 400;

/**
 * @typedef {object} Actions
 * @property {(id: string) => void} open
 * @property {(id: string, title: string) => void} rename
 * @property {(row: Row) => void} menu
 * @property {(row: Row) => void} remove
 * @property {() => string} current
 * @property {() => { id: string, title: string }[]} unsent Chats that the server has not said to have.
 */

export class Sidebar {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {Map<string, { section: HTMLElement, list: HTMLElement }>} */
  #groups = new Map();
  /** The row that Tab comes to. @type {Row | undefined} */
  #stop;
  #writing = 0;

  /** @param {import("./list.js").ChatList} chats @param {Actions} actions */
  constructor(chats, actions) {
    this.chats = chats;
    this.actions = actions;
    this.box = the("list");
    the("menu").addEventListener("click", () => this.toggle());
    the("shade").addEventListener("click", () => this.toggle(false));
    the("new").addEventListener("click", () => actions.open(""));
    the("filter").addEventListener("input", () => this.#search());
    the("chats").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    this.box.addEventListener("focusin", (/** @type {any} */ event) => this.#rove(event.target.closest("li")?.row));
    this.box.addEventListener("scroll", () => this.#reach(), { passive: true });
    new ResizeObserver(() => this.#reach()).observe(this.box);
    chats.addEventListener("change", () => this.draw());
  }

  get isOpen() {
    return document.body.classList.contains("drawer");
  }

  /** @param {boolean} [isOpen] */
  toggle(isOpen = !this.isOpen) {
    document.body.classList.toggle("drawer", isOpen);
    the("menu").setAttribute("aria-expanded", String(isOpen));
    if (isOpen) the("new").focus();
  }

  /** Let the user write what is looked for. */
  find() {
    if (getComputedStyle(the("menu")).display !== "none") this.toggle(true);
    the("filter").focus();
    the("filter").select();
  }

  /** The chat's place in the list, if it has one. @param {string} id */
  row(id) {
    return this.#rows.get(id);
  }

  draw() {
    const day = dayWords(new Date());
    /** @type {Map<string, Row[]>} */
    const groups = new Map();
    const current = this.actions.current();
    const add = (/** @type {string} */ group, /** @type {any} */ chat, isUnsent = false) => {
      const row = this.#rows.get(chat.id) ?? new Row(chat.id, this.actions);
      row.show({ ...chat, isCurrent: chat.id === current, isUnsent });
      const rows = groups.get(group);
      if (rows) rows.push(row);
      else groups.set(group, [row]);
    };
    const unsent = this.chats.query ? [] : this.actions.unsent();
    for (const chat of unsent) if (!this.chats.find(chat.id)) add("Not saved yet", chat, true);
    const waiting = new Set(unsent.map(({ id }) => id));
    for (const chat of this.chats.chats) add(day(new Date(chat.updated)), chat, waiting.has(chat.id));
    this.#place(groups);
    this.#tell();
    this.#reach();
  }

  /** Put the rows where they belong; those that are there already are left alone. @param {Map<string, Row[]>} groups */
  #place(groups) {
    this.#rows = new Map([...groups.values()].flat().map((row) => [row.id, row]));
    const sections = [...groups].map(([name, rows]) => {
      const group = this.#groups.get(name) ?? grouped(name);
      this.#groups.set(name, group);
      arrange(group.list, rows.map(({ element }) => element));
      return group.section;
    });
    for (const name of this.#groups.keys()) if (!groups.has(name)) this.#groups.delete(name);
    arrange(this.box, sections);
    const hasFocus = this.#stop?.element.contains(document.activeElement);
    if (!hasFocus) this.#rove(this.#rows.get(this.actions.current()) ?? this.#rows.values().next().value);
  }

  #tell() {
    const { error, isLoading, hasMore, query, chats } = this.chats;
    const none = query ? "No chats match." : "Your chats will appear here.";
    const failed = error?.status === 401 ? "This server needs an API key: enter it in Settings." : "The list cannot be loaded. Retrying…";
    const words = error ? failed : chats.length || this.#rows.size ? "" : none;
    the("list-note").textContent = isLoading && !chats.length ? "" : words;
    this.box.setAttribute("aria-busy", String(isLoading && hasMore));
  }

  #search() {
    clearTimeout(this.#writing);
    this.#writing = window.setTimeout(() => {
      this.box.scrollTop = 0;
      this.chats.search(the("filter").value.trim());
    }, WHILE_WRITING);
  }

  /** Fetch more when the end comes near. */
  #reach() {
    const { scrollHeight, scrollTop, clientHeight } = this.box;
    if (clientHeight && scrollHeight - scrollTop - clientHeight < NEAR && this.chats.chats.length) this.chats.more();
  }

  /** One row of the list can be come to with Tab, the others with the arrows. @param {Row} [chosen] */
  #rove(chosen) {
    if (!chosen || chosen === this.#stop) return;
    this.#stop?.reachable(false);
    this.#stop = chosen;
    chosen.reachable(true);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {any} */ (event.target);
    const rows = [...this.#rows.values()];
    /** @type {Row | undefined} */
    const row = target.closest("li")?.row;
    const at = row ? rows.indexOf(row) : -1;
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: at + 1, ArrowUp: at - 1, ...(row && { Home: 0, End: rows.length - 1 }) });
    if (event.key in steps && (row || target === the("filter"))) {
      const next = rows[steps[event.key]];
      (next ? next.link : event.key === "ArrowUp" ? the("filter") : target).focus();
    } else if (event.key === "F2" && row) row.rename();
    else if (event.key === "Delete" && row) this.actions.remove(row);
    else if ((event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) && row) this.actions.menu(row);
    else if (event.key === "Enter" && target === the("filter") && rows[0]) this.actions.open(rows[0].id);
    else if (event.key === "Escape" && (this.isOpen || the("filter").value)) this.#leave();
    else return;
    event.preventDefault();
  }

  /** Escape: first out of what is looked for, then out of the drawer. */
  #leave() {
    if (the("filter").value) {
      the("filter").value = "";
      this.#search();
      return;
    }
    this.toggle(false);
    the("menu").focus();
  }
}

/** @param {string} name */
function grouped(name) {
  const list = h("ul", { "aria-label": name });
  return { list, section: h("section", {}, h("h2", {}, name), list) };
}
