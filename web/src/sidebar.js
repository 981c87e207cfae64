// The list of chats: found, opened, deleted; a drawer on small screens.
import { h, icon, the } from "./dom.js";
import { chats } from "./store.js";

export class Sidebar {
  /** @param {{ open: (id: string) => void, remove: (id: string) => void, current: () => string }} actions */
  constructor(actions) {
    this.actions = actions;
    the("menu").addEventListener("click", () => this.toggle());
    the("shade").addEventListener("click", () => this.toggle(false));
    the("new").addEventListener("click", () => actions.open(""));
    the("filter").addEventListener("input", () => this.draw());
    addEventListener("keydown", (event) => event.key === "Escape" && this.isOpen && (this.toggle(false), the("menu").focus()));
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

  draw() {
    const wanted = the("filter").value.trim().toLowerCase();
    const found = chats().filter((chat) => chat.title.toLowerCase().includes(wanted));
    const current = this.actions.current();
    const items = found.map(({ id, title }) => {
      const open = h("a", { href: `#${id}`, "aria-current": id === current && "page", title }, title);
      const remove = h("button", { type: "button", class: "quiet", "aria-label": `Delete ${title}`, click: () => this.#remove(id, title) }, icon("trash"));
      return h("li", {}, open, remove);
    });
    the("list").replaceChildren(...items);
  }

  /** @param {string} id @param {string} title */
  #remove(id, title) {
    if (confirm(`Delete the chat “${title}”? It can not be brought back.`)) this.actions.remove(id);
  }
}
