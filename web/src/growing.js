// Markdown that grows: blocks that are finished are drawn once, and of the last one its end is drawn again.
import { TooDear, calm, marksAtEnd, plain } from "./cost.js";
import { blocksOf, drawn, drawnWithTags } from "./markdown.js";
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
/** Tags that are drawn in one go: more of them come after the browser has had its turn. */
const TAGS_AT_ONCE = 8000;
const CODE_TAGS = 10; // the frame of a code block

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
  /** @type {HTMLElement | null} */
  #plain = null; // what follows was too dear to be formatted
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
    this.#text += calm(text, marksAtEnd(this.#text)).replaceAll("\r", ""); // the lexer takes them away too, and lengths have to be the same
    if (!this.#isOver) this.#plan();
  }

  #plan() {
    if (this.#isPlanned) return;
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
    if (this.#plain) this.#growPlain(this.#plain);
    else this.#affordable(() => this.#end?.grow(this.#text) || this.#drawBlocks());
    this.onDraw();
  }

  /** No more comes: draw the rest. */
  finish() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end = null;
    this.#isPlanned = false;
    if (this.#plain) this.#growPlain(this.#plain);
    else this.#finishBlocks();
    this.onDraw();
  }

  #finishBlocks() {
    const known = Object.keys(this.#links).length;
    const blocks = blocksOf(this.#text.slice(this.#done), this.#links);
    if ((known || Object.keys(blocks.links).length) && this.#redraw()) return this.#tail.remove();
    this.#tail.replaceChildren();
    Object.assign(this.#links, blocks.links);
    this.#commitRest(blocks, blocks.dear);
  }

  /** @param {any[]} blocks @param {boolean} isDear Whether what follows them is. */
  #commitRest(blocks, isDear) {
    const left = this.#commit(blocks);
    this.onDraw();
    if (left.length) setTimeout(() => this.#commitRest(left, isDear));
    else if (isDear) this.#giveUp();
    else this.#tail.remove();
  }

  #drawBlocks() {
    const blocks = blocksOf(this.#text.slice(this.#done), this.#links);
    const open = blocks.dear ? blocks.length : firstOpen(blocks);
    if (open) this.#tail.replaceChildren(); // what is committed is not to be seen twice
    Object.assign(this.#links, blocks.links);
    const left = this.#commit(blocks.slice(0, open));
    this.#end = null;
    if (left.length) return this.#plan();
    if (blocks.dear) return this.#giveUp();
    const rest = blocks.slice(open);
    this.#tail.replaceChildren(drawn(rest));
    polish(this.#tail, { isGrowing: true });
    this.#end = openEnd(rest, this.#done, this.#text, this.#tail, this.#links);
  }

  /** Do this, or show what is not finished as plain text if it costs too much. @param {() => void} work */
  #affordable(work) {
    try {
      work();
    } catch (error) {
      if (!(error instanceof TooDear)) throw error;
      this.#giveUp();
    }
  }

  #giveUp() {
    this.#end = null;
    this.#plain = plain(this.#text.slice(this.#done));
    this.#tail.replaceWith(this.#plain);
  }

  /** @param {HTMLElement} element */
  #growPlain(element) {
    const node = /** @type {Text} */ (element.firstChild);
    node.appendData(this.#text.slice(this.#done + node.length));
  }

  /** Draw finished blocks. Returns those that have to wait. @param {any[]} blocks @returns {any[]} */
  #commit(blocks) {
    let tags = 0;
    for (const [at, block] of blocks.entries()) {
      if (tags > TAGS_AT_ONCE) return blocks.slice(at);
      this.#done += block.raw.length;
      if (block.type !== "space") tags += this.#commitBlock(block);
    }
    return [];
  }

  /** @param {any} block */
  #commitBlock(block) {
    try {
      const { fragment, tags } = drawnWithTags(Object.assign([block], { links: this.#links }));
      polish(fragment);
      this.#tail.before(fragment);
      return block.type === "code" ? tags + CODE_TAGS : tags;
    } catch (error) {
      if (!(error instanceof TooDear)) throw error;
      this.#tail.before(plain(block.raw));
      return 0;
    }
  }

  /** A reference may be defined after its use: with definitions, the whole is drawn once more at the end. False if that costs too much. */
  #redraw() {
    try {
      const blocks = blocksOf(this.#text);
      if (blocks.dear) return false;
      const fragment = drawn(blocks);
      polish(fragment);
      this.element.replaceChildren(fragment);
      return true;
    } catch (error) {
      if (error instanceof TooDear) return false;
      throw error;
    }
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
