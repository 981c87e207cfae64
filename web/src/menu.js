// What can be done with a chat of the list: a small menu, and the question before it is deleted.
import { exported } from "./api.js";
import { h, the } from "./dom.js";

/** @typedef {import("./row.js").Row} Row */

export class Menu {
  /** @type {Row | null} */
  #row = null;

  /** @param {{ remove: (id: string) => void, say: (words: string) => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.box = the("chat-menu");
    this.box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    this.box.addEventListener("click", (/** @type {any} */ event) => this.#chosen(event.target.closest("button")?.value));
    this.box.addEventListener("toggle", (/** @type {any} */ event) => this.#row?.element.classList.toggle("open", event.newState === "open"));
    the("confirm").addEventListener("close", () => the("confirm").returnValue === "delete" && this.#row && actions.remove(this.#row.id));
  }

  /** Open it at a chat. @param {Row} row */
  open(row) {
    this.box.hidePopover();
    this.#row?.element.classList.remove("open");
    this.#row = row;
    this.box.showPopover();
    const { right, bottom, top } = row.more.getBoundingClientRect();
    const { width, height } = this.box.getBoundingClientRect();
    this.box.style.left = `${Math.max(8, Math.min(right - width, innerWidth - width - 8))}px`;
    this.box.style.top = `${bottom + height + 8 < innerHeight ? bottom + 4 : Math.max(8, top - height - 4)}px`;
    this.box.querySelector("button").focus();
  }

  /** Ask before a chat is deleted. @param {Row} row */
  ask(row) {
    this.#row = row;
    the("confirm-words").textContent = `“${row.title}” and its answers will be deleted from the server. This cannot be undone.`;
    the("confirm").returnValue = "";
    the("confirm").showModal();
  }

  /** @param {string} [choice] */
  #chosen(choice) {
    const row = this.#row;
    if (!choice || !row) return;
    this.box.hidePopover();
    if (choice === "rename") row.rename();
    else if (choice === "delete") this.ask(row);
    else this.#download(row, choice === "json" ? "json" : "markdown");
  }

  /** @param {Row} row @param {"json" | "markdown"} format */
  async #download(row, format) {
    row.more.focus();
    try {
      const address = URL.createObjectURL(await exported(row.id, format));
      const name = row.title.replace(/[^\p{L}\p{N} ._-]+/gu, "").trim().slice(0, 80) || "chat";
      h("a", { href: address, download: `${name}.${format === "json" ? "json" : "md"}` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (/** @type {any} */ error) {
      this.actions.say(`“${row.title}” could not be exported. ${error.message}`);
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const items = [...this.box.querySelectorAll("button")];
    const at = items.indexOf(document.activeElement);
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 });
    if (event.key === "Tab") this.box.hidePopover();
    if (!(event.key in steps)) return;
    event.preventDefault();
    items[(steps[event.key] + items.length) % items.length].focus();
  }
}
