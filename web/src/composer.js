// The message box: text, and files that are chosen, dropped or pasted. What is not sent yet is kept for each chat.
import { h, icon, isSend, the } from "./dom.js";
import { pictureOf } from "./message.js";
import { hush, say } from "./notice.js";
import { read, write } from "./store.js";

const LONGEST_SIDE = 1536;
const MOST_FILES = 8;
const MOST_BYTES = 14_000_000; // of all files: base64 makes them a third longer, and the Gemini API takes 20 MB
const KEEP_BYTES = 400_000;
const DRAFT = "headwater:draft:";
const LONGEST_DRAFT = 200_000;

/** @typedef {import("./store.js").Part} Part */

export class Composer {
  /** @type {Part[]} */
  #files = [];
  /** Files of the chats that are not open: unlike text they do not survive a reload. @type {Map<string | null, Part[]>} */
  #kept = new Map();
  /** @type {WeakMap<Part, string>} */
  #names = new WeakMap();
  /** @type {string | null} */
  #chat = null; // none yet

  /** @param {{ send: (parts: Part[]) => boolean, stop: () => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.area = the("prompt");
    this.isBusy = false;
    the("composer").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      if (this.isBusy) actions.stop();
      else this.send();
    });
    this.area.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    this.area.addEventListener("input", () => this.#written());
    the("attach").addEventListener("click", () => the("file").click());
    the("file").addEventListener("change", () => this.#add(the("file").files).then(() => (the("file").value = "")));
    this.#takeDrops();
  }

  /** Whether an answer is running: then the button stops it. @param {boolean} isBusy */
  busy(isBusy) {
    if (this.isBusy === isBusy) return;
    this.isBusy = isBusy;
    the("send").setAttribute("aria-label", isBusy ? "Stop" : "Send");
    the("send").replaceChildren(icon(isBusy ? "stop" : "send"));
  }

  /** @param {string} text */
  write(text) {
    this.area.value = text;
    this.#written();
    this.area.focus();
  }

  /** Show what is not sent yet of a chat. @param {string} id */
  open(id) {
    if (id === this.#chat) return;
    const isEarly = this.#chat === null && this.area.value; // it was written before the page knew its chat
    this.#kept.set(this.#chat, this.#files);
    this.#chat = id;
    this.#files = this.#kept.get(id) ?? [];
    if (!isEarly) this.area.value = read(DRAFT + id) ?? "";
    this.#show();
    this.#written();
  }

  /** What is not sent yet belongs to another chat. @param {string} id */
  move(id) {
    this.forget(this.#chat ?? "");
    this.#chat = id;
    this.#written();
  }

  /** A chat is gone. @param {string} id */
  forget(id) {
    this.#kept.delete(id);
    localStorage.removeItem(DRAFT + id);
  }

  /** Give back what was not sent; what has been written since stays. @param {Part[]} parts */
  giveBack(parts) {
    this.#files.unshift(...parts.filter((part) => part.inlineData));
    this.#show();
    this.write([...parts.map((part) => part.text), this.area.value].filter(Boolean).join("\n\n"));
  }

  /** Be ready for the next message, where that does not bring up a keyboard on the screen. */
  focus() {
    if (matchMedia("(hover: hover)").matches) this.area.focus();
  }

  send() {
    const text = this.area.value.trim();
    if (!text && !this.#files.length) return;
    hush();
    const chat = this.#chat ?? "";
    if (!this.actions.send([...this.#files, ...(text ? [{ text }] : [])])) return;
    this.forget(chat);
    this.area.value = "";
    this.#files = [];
    this.#show();
    this.#written();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!isSend(event)) return;
    event.preventDefault();
    if (!this.isBusy) this.send();
  }

  #written() {
    const { value } = this.area;
    if (value && value.length <= LONGEST_DRAFT) write(DRAFT + this.#chat, value);
    else localStorage.removeItem(DRAFT + this.#chat);
    this.area.rows = Math.min(10, Math.max(1, this.area.value.split("\n").length));
  }

  #takeDrops() {
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) (event.preventDefault(), this.#add(files));
    });
    const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
    document.addEventListener("drop", (event) => {
      document.body.classList.remove("dropping");
      if (hasFiles(event)) (event.preventDefault(), this.#add(event.dataTransfer?.files ?? []));
    });
  }

  /** @param {Iterable<File>} files */
  async #add(files) {
    hush();
    for (const file of files) {
      if (this.#files.length >= MOST_FILES) return say(`At most ${MOST_FILES} files.`);
      const isPicture = /^image\/(?!svg)/.test(file.type);
      if (!isPicture && file.size > this.#room()) {
        say(`${file.name} is too large: all files together can have ${MOST_BYTES / 1e6} MB.`);
        continue;
      }
      const inlineData = await (isPicture ? imageData(file) : fileData(file)).catch(() => null);
      if (!inlineData) {
        say(`${file.name} can't be sent. Images, PDFs, text, audio and video can.`);
        continue;
      }
      const part = { inlineData };
      this.#names.set(part, file.name);
      this.#files.push(part);
    }
    this.#show();
  }

  /** How many bytes there is room for. */
  #room() {
    return MOST_BYTES - this.#files.reduce((sum, { inlineData }) => sum + inlineData.data.length * 0.75, 0);
  }

  #show() {
    const items = this.#files.map((part, at) => {
      const remove = () => (this.#files.splice(at, 1), this.#show());
      const name = this.#names.get(part) ?? part.inlineData.mimeType;
      const view = pictureOf(part) ?? h("span", { class: "file", title: name }, icon("file"), h("span", {}, name));
      return h("li", {}, view, h("button", { type: "button", "aria-label": `Remove ${name}`, click: remove }, icon("close")));
    });
    the("pictures").replaceChildren(...items);
  }
}

/** A file as it is; throws if it is not of a kind that models take. @param {File} file */
async function fileData(file) {
  if (!file.size) throw new TypeError("this is empty");
  const mimeType = /^(application\/pdf|audio\/|video\/)/.test(file.type) ? file.type : await textType(file);
  return { mimeType, data: await base64(file) };
}

/** What text is sent as; throws if it is not text. @param {File} file */
async function textType(file) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  if (text.includes("\0")) throw new TypeError("this is not text");
  return /^text\/(html|css|csv|markdown|xml)$/.test(file.type) ? file.type : "text/plain";
}

/** An image small enough to be sent and stored. @param {File} file */
async function imageData(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.size <= KEEP_BYTES && /^image\/(png|jpeg|gif|webp)$/.test(file.type)) {
    return { mimeType: file.type, data: await base64(file) };
  }
  const canvas = h("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/webp", 0.85));
  return { mimeType: blob.type, data: await base64(blob) };
}

/** @param {Blob} blob @returns {Promise<string>} */
function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1]);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
