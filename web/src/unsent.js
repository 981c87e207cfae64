// An answer that is asked for, while the server has not said that it has the question: what is going on, and what to do.
import { h } from "./dom.js";
import { explained } from "./trouble.js";

/** @typedef {import("./outbox.js").State} State */

export class UnsentView {
  /** @param {string} id @param {{ retry: (id: string) => void, takeBack: (id: string) => void }} actions */
  constructor(id, actions) {
    this.id = id;
    this.actions = actions;
    this.note = h("div", { class: "note" });
    this.element = h("article", { class: "model unsent", "aria-label": "Answer" }, h("div", { class: "text" }), this.note);
  }

  /** @param {State} state @param {boolean} isLost Whether the server has lost the chat. */
  show({ name, error, isKept }, isLost) {
    const isRefused = name === "refused";
    this.element.classList.toggle("running", !isRefused);
    this.element.classList.toggle("waiting", !error);
    this.element.setAttribute("aria-busy", String(!isRefused));
    if (isRefused) this.note.replaceChildren(this.#refused(error, isLost));
    else if (error) this.#wait(error, isKept);
    else this.note.replaceChildren(h("p", { class: "small late" }, "Sending…"));
  }

  /** @param {any} error @param {boolean} isKept */
  #wait(error, isKept) {
    if (this.note.querySelector(".trouble")?.dataset.for === error.message) return; // the next try fails as the one before
    const why = !navigator.onLine ? "You are offline." : error.status ? `The server could not save it (${error.message})` : "The server cannot be reached.";
    const next = isKept ? "Your message is kept in this browser and will be sent again automatically." : "It will be sent again automatically while this page is open.";
    const words = `Not saved yet. ${why} ${next}`;
    this.note.replaceChildren(h("div", { class: "trouble", role: "status", "data-for": error.message }, h("p", {}, words), this.#buttons("Try now")));
  }

  /** @param {any} error @param {boolean} isLost */
  #refused(error, isLost) {
    const known = explained({ status: error?.status ?? -1, message: error?.message ?? "" });
    const { title, advice, detail } = isLost ? { title: "The server no longer has this chat.", advice: "Save the chat again, below; then this will be sent.", detail: "" } : known;
    const words = [h("strong", {}, "Not saved."), ` ${title} ${advice}`, detail && h("p", { class: "small" }, detail)];
    return h("div", { class: "error", role: "alert" }, ...words, this.#buttons("Try again"));
  }

  /** @param {string} again */
  #buttons(again) {
    const retry = h("button", { type: "button", click: () => this.actions.retry(this.id) }, again);
    const back = h("button", { type: "button", click: () => this.actions.takeBack(this.id) }, "Discard");
    return h("div", { class: "row" }, retry, back);
  }
}
