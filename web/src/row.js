// One chat in the list: a link, a button for its menu, and a box while it is renamed.
import { h, icon } from "./dom.js";

/** @typedef {import("./store.js").Summary} Summary */

export class Row {
  title = "";
  #isCurrent = false;
  #mark = "";
  #isRenaming = false;

  /** @param {string} id @param {{ rename: (id: string, title: string) => void, menu: (row: Row) => void }} actions */
  constructor(id, actions) {
    this.id = id;
    this.actions = actions;
    this.name = h("span", { class: "name" });
    this.link = h("a", { href: `#${id}`, dblclick: () => this.rename() }, this.name);
    this.more = h("button", { type: "button", class: "quiet", "aria-haspopup": "menu", click: () => actions.menu(this) }, icon("more"));
    this.element = h("li", {}, this.link, this.more);
    this.element.row = this;
    this.reachable(false);
  }

  /** Whether Tab comes to it. @param {boolean} isIt */
  reachable(isIt) {
    this.link.tabIndex = this.more.tabIndex = isIt ? 0 : -1;
  }

  /** @param {{ title: string, running?: boolean, isCurrent: boolean, isUnsent: boolean }} shown */
  show({ title, running = false, isCurrent, isUnsent }) {
    if (title !== this.title) {
      this.title = title;
      this.name.textContent = title;
      this.link.title = title;
      this.more.setAttribute("aria-label", `More for ${title}`);
    }
    if (isCurrent !== this.#isCurrent) {
      this.#isCurrent = isCurrent;
      if (isCurrent) this.link.setAttribute("aria-current", "page");
      else this.link.removeAttribute("aria-current");
    }
    const mark = isUnsent ? "not saved yet" : running ? "answering" : "";
    if (mark === this.#mark) return;
    this.#mark = this.element.dataset.mark = mark;
    this.link.replaceChildren(this.name, ...(mark ? [h("span", { class: "mark", title: mark }, h("span", { class: "hidden" }, `, ${mark}`))] : []));
  }

  /** Let the user write another title here: Enter saves it, Escape leaves it. */
  rename() {
    if (this.#isRenaming) return;
    this.#isRenaming = true;
    const box = h("input", { type: "text", class: "title", "aria-label": `New name for ${this.title}`, maxlength: 300 });
    box.value = this.title;
    const end = (/** @type {boolean} */ isWanted, /** @type {boolean} */ isByKey) => {
      if (!this.#isRenaming) return;
      this.#isRenaming = false;
      const title = box.value.trim().replace(/\s+/g, " ");
      this.element.replaceChildren(this.link, this.more);
      if (isByKey) this.link.focus();
      if (isWanted && title && title !== this.title) this.actions.rename(this.id, title);
    };
    box.addEventListener("blur", () => end(true, false));
    box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      event.stopPropagation();
      if (event.isComposing) return;
      if (event.key === "Enter") end(true, true);
      else if (event.key === "Escape") end(false, true);
      else return;
      event.preventDefault();
    });
    this.element.replaceChildren(box);
    box.focus();
    box.select();
  }
}
