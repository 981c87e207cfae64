// Markdown that grows: blocks that are finished are drawn once, and of the last one its end is drawn again.
import { blocksOf, drawn } from "./markdown.js";
import { openEnd } from "./open.js";
import { polish } from "./polish.js";

/**
 * Frames take about one part in `SHARE` of the time, however slow the machine, and less the more time they have taken:
 * one part more for every `EASE` milliseconds. So a long answer costs little in all, and a short one is smooth.
 */
const SHARE = 10;
const EASE = 5;
const SHORTEST = 40;
const LONGEST = 500;

export class Growing {
  #text = "";
  #done = 0; // how much of the text is in finished blocks
  /** @type {any} */
  #links = {};
  #isPlanned = false;
  #pause = 0;
  #spent = 0; // on frames
  #isOver = false;
  /** @type {import("./open.js").Open | null} */
  #end = null;
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
    this.#text += text.replaceAll("\r", ""); // the lexer takes them away too, and lengths have to be the same
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
      const took = performance.now() - began;
      this.#spent += took;
      this.#pause = Math.min(LONGEST, Math.max(SHORTEST, took * (SHARE + this.#spent / EASE)));
      port1.close();
    };
    port2.postMessage(null); // comes after the frame
  }

  /** Draw what there is, as far as it is not drawn yet. */
  draw() {
    this.#isPlanned = false;
    if (!this.#end?.grow(this.#text)) this.#drawBlocks();
    this.onDraw();
  }

  /** No more comes: draw the rest. */
  finish() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end = null;
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
    this.#end = openEnd(rest, this.#done, this.#text, this.#tail, this.#links);
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

/** The number of blocks that cannot change any more: those followed by another block with a complete line. @param {any[]} blocks */
function firstOpen(blocks) {
  let after = "";
  for (let at = blocks.length - 1; at > 0; at--) {
    after = blocks[at].raw + after;
    if (blocks[at].type !== "space" && (after.includes("\n") || isProse(blocks[at - 1], after))) return at;
  }
  return 0;
}

/** Whether an empty line is followed by text that cannot continue the block before it, as a list or an indented line could. @param {any} before @param {string} text */
function isProse(before, text) {
  return before.type === "space" && /^(?:\*\*)?[^\s\d*+-]/.test(text);
}
