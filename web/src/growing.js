// Markdown that grows: blocks that are finished are drawn once, only the last one is drawn again.
import { blocksOf, drawn } from "./markdown.js";
import { polish } from "./polish.js";

/** Frames take about one part in so many of the time, however long the last block is and however slow the machine. */
const SHARE = 10;
const SHORTEST = 40;
const LONGEST = 1000;

export class Growing {
  #text = "";
  #done = 0; // how much of the text is in finished blocks
  /** @type {any} */
  #links = {};
  #isPlanned = false;
  #pause = 0;
  #isOver = false;
  /** @type {Fence | null} */
  #fence = null;
  /** @type {HTMLElement} */
  #tail;

  /** @param {HTMLElement} element @param {() => void} [onDraw] */
  constructor(element, onDraw = () => {}) {
    this.element = element;
    this.onDraw = onDraw;
    this.#tail = element.ownerDocument.createElement("div");
    this.#tail.className = "tail";
    element.replaceChildren(this.#tail);
  }

  get text() {
    return this.#text;
  }

  /** Take more text; it is seen with the next frame, or a little later if frames are dear. @param {string} text */
  push(text) {
    this.#text += text;
    if (this.#isPlanned || this.#isOver) return;
    this.#isPlanned = true;
    setTimeout(() => (document.hidden ? this.#drawPlanned() : requestAnimationFrame(() => this.#drawPlanned())), this.#pause);
  }

  /** Draw, and see how long the whole frame takes, with what the browser does for it. */
  #drawPlanned() {
    if (!this.#isPlanned) return;
    const began = performance.now();
    this.draw();
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      this.#pause = Math.min(LONGEST, Math.max(SHORTEST, (performance.now() - began) * SHARE));
      port1.close();
    };
    port2.postMessage(null); // comes after the frame
  }

  /** Draw what there is, as far as it is not drawn yet. */
  draw() {
    this.#isPlanned = false;
    if (!this.#fence?.grow(this.#text)) this.#drawBlocks();
    this.onDraw();
  }

  /** No more comes: draw the rest. */
  finish() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#fence = null;
    this.#isPlanned = false;
    const known = Object.keys(this.#links).length;
    const blocks = blocksOf(this.#text.slice(this.#done), this.#links);
    if (known || Object.keys(blocks.links).length) this.#redraw();
    else this.#commit(blocks);
    this.#tail.remove();
    this.onDraw();
  }

  #drawBlocks() {
    const blocks = blocksOf(this.#text.slice(this.#done), this.#links);
    const open = firstOpen(blocks);
    this.#commit(blocks.slice(0, open), blocks.links);
    const rest = blocks.slice(open);
    this.#tail.replaceChildren(drawn(rest));
    polish(this.#tail, { isGrowing: true });
    this.#fence = Fence.of(rest, this.#done, this.#text, this.#tail);
  }

  /** @param {any[]} blocks @param {any} [links] */
  #commit(blocks, links = {}) {
    Object.assign(this.#links, links);
    for (const block of blocks) {
      this.#done += block.raw.length;
      if (block.type === "space") continue;
      const fragment = drawn(Object.assign([block], { links: this.#links }));
      polish(fragment);
      this.#tail.before(fragment);
    }
  }

  /** A reference may be defined after its use: with definitions, the whole is drawn once more at the end. */
  #redraw() {
    const fragment = drawn(blocksOf(this.#text));
    polish(fragment);
    this.element.replaceChildren(fragment);
  }
}

/** The number of blocks that can not change any more: those after which another has a whole line. @param {any[]} blocks */
function firstOpen(blocks) {
  let after = "";
  for (let at = blocks.length - 1; at > 0; at--) {
    after = blocks[at].raw + after;
    if (blocks[at].type !== "space" && after.includes("\n")) return at;
  }
  return 0;
}

/** Code whose end has not come: its text grows, and nothing is parsed until the end is there. */
class Fence {
  /** @param {Text} node @param {string} mark @param {number} at */
  constructor(node, mark, at) {
    this.node = node;
    this.closing = new RegExp(`^ {0,3}${mark}${mark[0]}*[ \\t]*\\n`, "m");
    this.shown = at; // how much of the text is shown
    this.line = at; // where the last line begins that was not whole
  }

  /** @param {any[]} blocks @param {number} start @param {string} text @param {HTMLElement} element */
  static of(blocks, start, text, element) {
    const opening = blocks[0]?.type === "code" && /^(`{3,}|~{3,})[^\n]*\n/.exec(blocks[0].raw);
    const node = element.querySelector("pre code")?.firstChild;
    if (blocks.length !== 1 || !opening || !(node instanceof Text)) return null;
    const fence = new Fence(node, opening[1], start + opening[0].length);
    node.data = "";
    return fence.grow(text) ? fence : null;
  }

  /** Show what has come since; false if the end is there. @param {string} text */
  grow(text) {
    if (this.closing.test(text.slice(this.line))) return false;
    this.line = text.lastIndexOf("\n") + 1;
    const isHalfEnd = /^ {0,3}[`~]+[ \t]*$/.test(text.slice(this.line));
    const shown = Math.max(this.shown, isHalfEnd ? this.line : text.length);
    this.node.appendData(text.slice(this.shown, shown));
    this.shown = shown;
    return true;
  }
}
