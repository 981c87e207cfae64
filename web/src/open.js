// The block that is not finished yet: where it is long, it takes more text without being drawn again from its beginning.
//
// What is shown of it may be a little wrong for a while (a list that turns out to be loose, a star that is closed much
// later): once it is finished it is drawn as a whole.
import { blocksOf, drawn, drawnInline, inlineOf } from "./markdown.js";
import { highlighted, languageOf, loadHighlighter, polish } from "./polish.js";

/** @typedef {{ grow: (text: string) => boolean }} Open `grow` shows the text received so far; false: redraw it. */

const LONG = 1000; // characters of a block that are drawn again with each frame
const LAST = 300; // and those of a long line
const LONGEST_HIGHLIGHTED = 8000; // characters of code that are highlighted while it grows

/**
 * How the last block can grow, if it can.
 * @param {any[]} blocks @param {number} start @param {string} text @param {HTMLElement} element What the blocks look like.
 * @param {any} links @returns {Open | null}
 */
export function openEnd(blocks, start, text, element, links) {
  const [block, ...others] = blocks;
  if (!block || others.some(({ type }) => type !== "space")) return null;
  if (block.type === "code") return Fence.of(block, start, text, element);
  if (block.raw.length < LONG) return null;
  if (block.type === "paragraph") return Line.of(start, text, element, links);
  return Parts.of(block, start, element, links);
}

/** Code whose end has not come: its text grows, and nothing is parsed until the end is there. */
class Fence {
  /** @param {Text} node @param {string} mark @param {number} at */
  constructor(node, mark, at) {
    this.node = node; // not highlighted yet, the last of the code's nodes
    this.code = /** @type {Element} */ (node.parentElement);
    this.language = languageOf(this.code);
    this.closing = new RegExp(`^ {0,3}${mark}${mark[0]}*[ \\t]*\\n`, "m");
    this.start = at;
    this.shown = at; // how much of the text is shown
    this.line = at; // where the last line begins that was not whole
    this.highlighted = 0; // how much of the code is highlighted
  }

  /** @param {any} block @param {number} start @param {string} text @param {HTMLElement} element */
  static of(block, start, text, element) {
    const opening = /^(`{3,}|~{3,})[^\n]*\n/.exec(block.raw);
    const node = element.querySelector("pre code")?.firstChild;
    if (!opening || !(node instanceof Text)) return null;
    const fence = new Fence(node, opening[1], start + opening[0].length);
    if (fence.language) loadHighlighter();
    node.data = "";
    return fence.grow(text) ? fence : null;
  }

  /** @param {string} text */
  grow(text) {
    if (this.closing.test(text.slice(this.line))) return false;
    this.line = text.lastIndexOf("\n") + 1;
    const isHalfEnd = /^ {0,3}[`~]+[ \t]*$/.test(text.slice(this.line));
    const shown = Math.max(this.shown, isHalfEnd ? this.line : text.length);
    this.node.appendData(text.slice(this.shown, shown));
    this.shown = shown;
    this.#highlight(text);
    return true;
  }

  /** Highlight complete lines, each time that there are a good part more of them: so the cost stays linear. @param {string} text */
  #highlight(text) {
    const length = this.line - this.start;
    if (length > LONGEST_HIGHLIGHTED || length < this.highlighted * 1.2 + 40) return;
    const found = highlighted(text.slice(this.start, this.line), this.language);
    if (!found) return;
    this.highlighted = length;
    this.node.data = text.slice(this.line, this.shown);
    this.code.replaceChildren(found, this.node);
  }
}

/** The end of an element is drawn again and again: its first `kept` nodes stay. */
class Frontier {
  /** @param {Element} holder @param {number} at @param {any} links */
  constructor(holder, at, links) {
    this.holder = holder;
    this.links = links;
    this.kept = 0;
    this.at = at; // where in the text that begins which is drawn again
  }

  /** @param {Iterable<Node>} nodes */
  replace(nodes) {
    const added = [...nodes];
    while (this.holder.childNodes.length > this.kept) this.holder.lastChild?.remove();
    this.holder.append(...added);
  }
}

/** A paragraph of one long line. */
class Line extends Frontier {
  /** @param {number} start @param {string} text @param {Element} element @param {any} links */
  static of(start, text, element, links) {
    const holder = element.querySelector("p");
    const line = holder && new Line(holder, start, links);
    return line?.grow(text) ? line : null;
  }

  /** @param {string} text */
  grow(text) {
    const rest = text.slice(this.at);
    if (/\n(?!\p{L}|$)/u.test(rest)) return false; // another block may begin
    const length = rest.length > 2 * LAST ? this.#settled(rest) : 0;
    if (length) {
      this.replace(this.#drawn(rest.slice(0, length)));
      this.kept = this.holder.childNodes.length;
      this.at += length;
    }
    this.replace(this.#drawn(rest.slice(length)));
    return true;
  }

  /** How much of a line can be left alone. @param {string} text */
  #settled(text) {
    let at = 0;
    for (const { type, raw } of inlineOf(text, this.links)) {
      if (at + raw.length > text.length - LAST) return type === "text" ? text.lastIndexOf(" ", text.length - LAST) + 1 || at : at;
      at += raw.length;
    }
    return at;
  }

  /** @param {string} text */
  #drawn(text) {
    const fragment = drawnInline(inlineOf(text, this.links));
    polish(fragment, { isGrowing: true });
    return [...fragment.childNodes];
  }
}

/**
 * Where the parts of a block are in its DOM, what has to stand before a part to make it one, and where its last begins.
 * @type {Record<string, { holder: string, head: (block: any) => string, last: (block: any) => number }>}
 */
const KINDS = {
  list: { holder: "ul, ol", head: () => "", last: ({ items }) => lengthOf(items.slice(0, -1)) },
  table: {
    holder: "tbody",
    head: ({ raw }) => /^.*\n.*\n/.exec(raw)?.[0] ?? "",
    last: ({ raw }) => raw.trimEnd().lastIndexOf("\n") + 1,
  },
};

/** @param {{ raw: string }[]} tokens */
function lengthOf(tokens) {
  return tokens.reduce((sum, { raw }) => sum + raw.length, 0);
}

/** A list or a table: its last part is drawn again, with those that have come since. */
class Parts extends Frontier {
  type = "";
  head = "";
  /** @type {any} */
  kind;

  /** @param {any} block @param {number} start @param {Element} element @param {any} links */
  static of(block, start, element, links) {
    const kind = KINDS[block.type];
    const holder = kind && element.querySelector(kind.holder);
    if (!holder) return null;
    const parts = new Parts(holder, start + kind.last(block), links);
    parts.type = block.type;
    parts.kind = kind;
    parts.head = kind.head(block);
    const shown = [...holder.children];
    holder.replaceChildren(); // without the white space between them
    parts.#show(shown);
    return parts;
  }

  /** @param {string} text */
  grow(text) {
    const { type, kind, head } = this;
    const blocks = blocksOf(head + text.slice(this.at), this.links);
    const [block, ...others] = blocks;
    if (blocks.dear || block?.type !== type || others.some((other) => other.type !== "space")) return false;
    const fragment = drawn(Object.assign([block], { links: this.links }));
    polish(fragment, { isGrowing: true });
    this.#show(fragment.querySelector(kind.holder)?.children ?? []);
    this.at += kind.last(block) - head.length;
    return true;
  }

  /** @param {Iterable<Element>} parts */
  #show(parts) {
    this.replace(parts);
    this.kept = this.holder.childNodes.length - 1;
  }
}
