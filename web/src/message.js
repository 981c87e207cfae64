// One message on the page: what the user said, or an answer with its thoughts, its end, and what can be done with it.
import { partsOf, textIn } from "./contents.js";
import { calm } from "./cost.js";
import { announce, h, icon, isSend } from "./dom.js";
import { Growing } from "./growing.js";
import { modelLabel } from "./models.js";
import { Steps } from "./steps.js";
import { errorOf, explained, finishWords } from "./trouble.js";

/**
 * @typedef {import("./store.js").Message} Message
 * @typedef {object} Actions
 * @property {(message: Message, text: string) => void} edit
 * @property {(message: Message) => void} again
 * @property {(message: Message) => void} proceed
 * @property {(message: Message, step: number) => void} turn
 * @property {() => void} onDraw
 */

const LONG = 1500; // characters of a message that is shown whole
const LINES = 14;

/** What the user said. @param {Message} message @param {{ at: number, of: number }} branch @param {Actions} actions @param {boolean} [isSent] */
export function userView(message, branch, actions, isSent = true) {
  const text = textIn(message);
  const parts = partsOf(message);
  const pictures = parts.map(pictureOf).filter(Boolean);
  const steps = new Steps();
  const others = parts.filter((part) => !pictureOf(part)).map((part) => steps.view(part)).filter(Boolean);
  const edit = () => button("edit", "Edit", () => editor(view, text, (changed) => actions.edit(message, changed)));
  const view = h("article", { class: isSent ? "user" : "user unsent", "aria-label": isSent ? "You" : "You, not saved yet" });
  const isLong = text.length > LONG || text.split("\n").length > LINES;
  const bubble = h("div", { class: isLong ? "bubble folded" : "bubble" }, pictures.length > 0 && h("div", { class: "pictures" }, ...pictures), ...others, calm(text));
  view.append(bubble, isLong ? unfolder(bubble) : "", h("div", { class: "tools" }, ...turner(message, branch, actions), copyButton(() => text), isSent && edit()));
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
    this.steps = new Steps();
    this.note = h("div", { class: "note" });
    this.tools = h("div", { class: "tools" });
    this.element = h("article", { class: "model", "aria-label": "Answer" }, this.folded, this.text, this.note, this.tools);
    this.growing = new Growing(this.text, actions.onDraw);
    this.thinking = new Growing(this.thoughts, actions.onDraw);
    for (const part of partsOf(message)) this.add(part);
    this.growing.draw();
    this.thinking.draw();
    this.settle();
  }

  /** Follow a running answer. @param {import("./answers.js").Running} running */
  follow(running) {
    running.addEventListener("part", (event) => this.add(/** @type {CustomEvent} */ (event).detail));
    running.addEventListener("state", () => this.warn(running.trouble));
    running.addEventListener("end", () => this.settle());
  }

  /** @param {import("./store.js").Part} part */
  add(part) {
    if (part.thought) this.think(part.text ?? "");
    else if (part.text) this.say(part.text);
    else this.#insert(part);
  }

  /** Show a part that is not text where it occurred: later text goes below it. @param {import("./store.js").Part} part */
  #insert(part) {
    const picture = pictureOf(part);
    const view = picture ?? this.steps.view(part);
    if (!view) return;
    if (this.growing.text) {
      this.growing.finish();
      const next = h("div", { class: "text" });
      this.text.after(next);
      this.text = next;
      this.growing = new Growing(this.text, this.actions.onDraw);
    }
    const before = this.text.previousElementSibling;
    if (picture && before?.className === "pictures") before.append(picture);
    else this.text.before(picture ? h("div", { class: "pictures" }, picture) : view);
    this.element.classList.remove("waiting");
    this.actions.onDraw();
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
    this.element.classList.toggle("waiting", isRunning && !textIn(message));
    this.element.setAttribute("aria-busy", String(isRunning));
    if (isRunning) return;
    this.growing.finish();
    this.thinking.finish();
    this.label.textContent = "Thoughts";
    this.note.replaceChildren(...this.#notes());
    const again = message.parent && button("again", "Try again", () => this.actions.again(message));
    const name = message.model && h("span", { "data-model": message.model }, modelLabel(message.model));
    const figures = h("span", { class: "figures" }, name, ...figuresOf(message));
    this.tools.replaceChildren(...turner(message, this.branch, this.actions), copyButton(() => textIn(message)), ...(again ? [again] : []), figures);
  }

  #notes() {
    const { error, state, finish_reason: finish } = this.message;
    if (state === "failed") {
      const { title, advice, detail } = explained(errorOf(error));
      const again = h("button", { type: "button", click: () => this.actions.again(this.message) }, "Try again");
      return [h("div", { class: "error", role: "alert" }, h("strong", {}, title), ` ${advice}`, detail && h("p", { class: "small" }, detail), again)];
    }
    if (state === "stopped") return [h("p", { class: "small" }, textIn(this.message) ? "Stopped." : "Stopped before the first word.")];
    const proceed = h("button", { type: "button", click: () => this.actions.proceed(this.message) }, "Continue");
    return finish && finish !== "STOP" ? [h("p", { class: "small row" }, finishWords(finish), finish === "MAX_TOKENS" && proceed)] : [];
  }
}

/** Tokens and speed, in few words. @param {Message} message */
function figuresOf({ usage, metrics }) {
  const tokens = (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0);
  const first = metrics?.first_chunk ?? 0;
  const seconds = (metrics?.seconds ?? 0) - first;
  const words = tokens ? ` · ${tokens.toLocaleString("en")} tokens` : "";
  const speed = tokens && seconds > 0.05 ? ` · ${Math.round(tokens / seconds)} tokens/s` : "";
  const wait = first >= 0.05 ? ` · first token ${first.toFixed(1)} s` : "";
  return [words, h("span", { class: "speed" }, speed + wait)];
}

/** @param {import("./store.js").Part} part */
export function pictureOf({ inlineData }) {
  const isPicture = /^image\/(png|jpeg|gif|webp)$/.test(inlineData?.mimeType ?? "");
  return isPicture ? h("img", { src: `data:${inlineData?.mimeType};base64,${inlineData?.data}`, alt: "Image" }) : null;
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
  const isDone = await navigator.clipboard.writeText(text).then(() => true, () => false);
  const words = isDone ? "Copied" : "Copying is not allowed";
  announce(words);
  if (element.classList.contains("copied")) return;
  const name = element.getAttribute("aria-label") ?? "";
  const before = [...element.childNodes];
  element.setAttribute("aria-label", words);
  element.classList.add("copied");
  element.replaceChildren(icon(isDone ? "check" : "close"), words);
  setTimeout(() => {
    element.setAttribute("aria-label", name);
    element.classList.remove("copied");
    element.replaceChildren(...before);
  }, 1500);
}

/** @param {Message} message @param {{ at: number, of: number }} branch @param {Actions} actions */
function turner(message, { at, of }, actions) {
  if (of < 2) return [];
  const step = (/** @type {string} */ name, /** @type {string} */ label, /** @type {number} */ way) => {
    const found = button(name, label, () => actions.turn(message, way));
    found.classList.add("turn");
    found.disabled = at + way < 0 || at + way >= of;
    return found;
  };
  return [step("left", "Earlier version", -1), h("span", { class: "figures" }, `${at + 1} of ${of}`), step("right", "Later version", 1)];
}

/** @param {HTMLElement} bubble */
function unfolder(bubble) {
  const more = h("button", { type: "button", class: "quiet small", "aria-expanded": "false" }, "Show more");
  more.addEventListener("click", () => {
    const isFolded = bubble.classList.toggle("folded");
    more.setAttribute("aria-expanded", String(!isFolded));
    more.textContent = isFolded ? "Show more" : "Show less";
  });
  return more;
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
    h("div", { class: "row" }, h("span", { class: "hint" }, "Enter sends, Esc cancels"), h("button", { type: "button", click: close }, "Cancel"), h("button", { type: "submit", class: "main" }, "Send again")),
  );
  area.value = text;
  area.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") (event.stopPropagation(), close());
    else if (isSend(event)) (event.preventDefault(), form.requestSubmit());
  });
  view.replaceChildren(form);
  area.focus();
}
