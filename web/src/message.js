// One message on the page: what the user said, or an answer with its thoughts, its end, and what can be done with it.
import { h, icon } from "./dom.js";
import { Growing } from "./growing.js";
import { explained, finishWords } from "./trouble.js";

/**
 * @typedef {import("./store.js").Message} Message
 * @typedef {object} Actions
 * @property {(message: Message, text: string) => void} edit
 * @property {(message: Message) => void} again
 * @property {(message: Message, step: number) => void} turn
 * @property {() => void} onDraw
 */

/** What the user said. @param {Message} message @param {{ at: number, of: number }} branch @param {Actions} actions */
export function userView(message, branch, actions) {
  const text = (message.parts ?? []).map((part) => part.text ?? "").join("");
  const pictures = (message.parts ?? []).filter((part) => part.inlineData).map(pictureOf);
  const edit = button("edit", "Edit", () => editor(view, text, (changed) => actions.edit(message, changed)));
  const view = h("article", { class: "user", "aria-label": "You" });
  const bubble = h("div", { class: "bubble" }, pictures.length > 0 && h("div", { class: "pictures" }, ...pictures), text);
  view.append(bubble, h("div", { class: "tools" }, ...turner(message, branch, actions), copyButton(() => text), edit));
  return view;
}

/** An answer. */
export class AnswerView {
  /** @param {Message} message @param {{ at: number, of: number }} branch @param {Actions} actions */
  constructor(message, branch, actions) {
    this.message = message;
    this.actions = actions;
    this.branch = branch;
    this.text = h("div", { class: "text" });
    this.thoughts = h("div", { class: "text" });
    this.label = h("span", {}, "Thoughts");
    this.folded = h("details", { class: "thoughts", hidden: true }, h("summary", {}, this.label), this.thoughts);
    this.pictures = h("div", { class: "pictures" });
    this.note = h("div", { class: "note" });
    this.tools = h("div", { class: "tools" });
    this.element = h("article", { class: "model", "aria-label": "Answer" }, this.folded, this.text, this.pictures, this.note, this.tools);
    this.growing = new Growing(this.text, actions.onDraw);
    this.thinking = new Growing(this.thoughts, actions.onDraw);
    this.think(message.thoughts ?? "");
    this.growing.push(message.text ?? "");
    for (const picture of message.pictures ?? []) this.pictures.append(pictureOf(picture) ?? "");
    this.growing.draw();
    this.thinking.draw();
    this.settle();
  }

  /** Follow a running answer. @param {import("./answers.js").Running} running */
  follow(running) {
    running.addEventListener("text", (event) => this.say(/** @type {CustomEvent} */ (event).detail));
    running.addEventListener("thought", (event) => this.think(/** @type {CustomEvent} */ (event).detail));
    running.addEventListener("picture", (event) => {
      this.pictures.append(pictureOf({ inlineData: /** @type {CustomEvent} */ (event).detail }) ?? "");
      this.actions.onDraw();
    });
    running.addEventListener("state", () => this.warn(running.trouble));
    running.addEventListener("end", () => this.settle());
  }

  /** @param {string} text */
  say(text) {
    if (!this.growing.text) this.label.textContent = "Thoughts";
    this.growing.push(text);
    this.element.classList.remove("waiting");
  }

  /** @param {string} text */
  think(text) {
    if (!text) return;
    this.folded.hidden = false;
    if (!this.growing.text && this.message.state === "running") this.label.textContent = "Thinking…";
    this.thinking.push(text);
  }

  /** Say that the connection is lost, or that it is back. @param {string} words */
  warn(words) {
    this.note.replaceChildren(...(words ? [h("p", { class: "trouble", role: "status" }, words)] : []));
  }

  /** Draw what depends on how the answer stands. */
  settle() {
    const { message } = this;
    const isRunning = message.state === "running";
    this.element.classList.toggle("running", isRunning);
    this.element.classList.toggle("waiting", isRunning && !message.text);
    this.element.setAttribute("aria-busy", String(isRunning));
    if (isRunning) return;
    if (this.growing.text !== (message.text ?? "")) this.growing.push((message.text ?? "").slice(this.growing.text.length));
    this.growing.finish();
    this.thinking.finish();
    this.label.textContent = "Thoughts";
    this.note.replaceChildren(...this.#notes());
    const again = button("again", "Try again", () => this.actions.again(message));
    const figures = h("span", { class: "figures" }, figuresOf(message));
    this.tools.replaceChildren(...turner(message, this.branch, this.actions), copyButton(() => message.text ?? ""), again, figures);
  }

  #notes() {
    const { error, state, finish, text } = this.message;
    if (error) {
      const { title, advice, detail } = explained(error);
      const again = h("button", { type: "button", click: () => this.actions.again(this.message) }, "Try again");
      return [h("div", { class: "error", role: "alert" }, h("strong", {}, title), ` ${advice}`, detail && h("p", { class: "small" }, detail), again)];
    }
    if (state === "stopped") return [h("p", { class: "small" }, text ? "Stopped." : "Stopped before the first word.")];
    return finish ? [h("p", { class: "small" }, finishWords(finish))] : [];
  }
}

/** Tokens and speed, in few words. @param {Message} message */
export function figuresOf({ usage, times, settings }) {
  const tokens = (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0);
  const seconds = (times?.seconds ?? 0) - (times?.first ?? 0);
  const words = [settings?.model];
  if (tokens) words.push(`${tokens.toLocaleString("en")} tokens`);
  if (tokens && seconds > 0.05) words.push(`${Math.round(tokens / seconds)} a second`);
  if ((times?.first ?? 0) >= 0.05) words.push(`first after ${/** @type {number} */ (times?.first).toFixed(1)} s`);
  return words.filter(Boolean).join(" · ");
}

/** @param {import("./store.js").Part} part */
export function pictureOf({ inlineData }) {
  const isPicture = /^image\/(png|jpeg|gif|webp)$/.test(inlineData?.mimeType ?? "");
  return isPicture ? h("img", { src: `data:${inlineData?.mimeType};base64,${inlineData?.data}`, alt: "Picture" }) : null;
}

/** @param {string} name @param {string} label @param {() => void} click */
function button(name, label, click) {
  return h("button", { type: "button", class: "quiet", "aria-label": label, title: label, click }, icon(name));
}

/** @param {() => string} text */
function copyButton(text) {
  const copy = button("copy", "Copy", () => copied(copy, text()));
  return copy;
}

/** Copy, and say so on the button for a moment. @param {Element} element @param {string} text */
export async function copied(element, text) {
  const before = element.getAttribute("aria-label") ?? "";
  const done = await navigator.clipboard.writeText(text).then(() => "Copied", () => "Copying is not allowed");
  element.setAttribute("aria-label", done);
  element.classList.add("copied");
  setTimeout(() => {
    element.setAttribute("aria-label", before);
    element.classList.remove("copied");
  }, 1500);
}

/** @param {Message} message @param {{ at: number, of: number }} branch @param {Actions} actions */
function turner(message, { at, of }, actions) {
  if (of < 2) return [];
  const step = (/** @type {string} */ name, /** @type {string} */ label, /** @type {number} */ way) => {
    const found = button(name, label, () => actions.turn(message, way));
    found.disabled = at + way < 0 || at + way >= of;
    return found;
  };
  return [step("left", "Earlier version", -1), h("span", { class: "figures" }, `${at + 1} of ${of}`), step("right", "Later version", 1)];
}

/** @param {HTMLElement} view @param {string} text @param {(text: string) => void} send */
function editor(view, text, send) {
  const before = [...view.childNodes];
  const area = h("textarea", { "aria-label": "Edit your message", rows: Math.min(12, text.split("\n").length + 1) });
  const close = () => view.replaceChildren(...before);
  const form = h(
    "form",
    { class: "editor", submit: (/** @type {Event} */ event) => (event.preventDefault(), area.value.trim() ? send(area.value) : close()) },
    area,
    h("div", { class: "row" }, h("button", { type: "button", click: close }, "Cancel"), h("button", { type: "submit", class: "main" }, "Send again")),
  );
  area.value = text;
  area.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (event.stopPropagation(), close()));
  view.replaceChildren(form);
  area.focus();
}
