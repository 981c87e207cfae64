// The message box: text, and images that are chosen, dropped or pasted.
import { h, icon, the } from "./dom.js";
import { pictureOf } from "./message.js";
import { say } from "./notice.js";

const LONGEST_SIDE = 1536;
const MOST_PICTURES = 8;
const KEEP_BYTES = 400_000;

/** @typedef {import("./store.js").Part} Part */

export class Composer {
  /** @type {Part[]} */
  #pictures = [];

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
    this.area.addEventListener("input", () => this.#fit());
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
    this.#fit();
    this.area.focus();
  }

  /** Give back what was not sent; what has been written since stays. @param {Part[]} parts */
  giveBack(parts) {
    this.#pictures.unshift(...parts.filter((part) => part.inlineData));
    this.#show();
    this.write([...parts.map((part) => part.text), this.area.value].filter(Boolean).join("\n\n"));
  }

  /** Be ready for the next message, where that does not bring up a keyboard on the screen. */
  focus() {
    if (matchMedia("(hover: hover)").matches) this.area.focus();
  }

  send() {
    const text = this.area.value.trim();
    if (!text && !this.#pictures.length) return;
    if (!this.actions.send([...this.#pictures, ...(text ? [{ text }] : [])])) return;
    this.area.value = "";
    this.#pictures = [];
    this.#show();
    this.#fit();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!this.isBusy) this.send();
  }

  #fit() {
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
    for (const file of files) {
      if (this.#pictures.length >= MOST_PICTURES) return say(`At most ${MOST_PICTURES} images.`);
      const inlineData = await asData(file).catch(() => null);
      if (inlineData) this.#pictures.push({ inlineData });
      else say(`${file.name} isn't an image this page can send.`);
    }
    this.#show();
  }

  #show() {
    const items = this.#pictures.map((picture, at) => {
      const remove = () => (this.#pictures.splice(at, 1), this.#show());
      return h("li", {}, pictureOf(picture), h("button", { type: "button", "aria-label": "Remove this image", click: remove }, icon("close")));
    });
    the("pictures").replaceChildren(...items);
  }
}

/** An image small enough to be sent and stored. @param {File} file */
async function asData(file) {
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
