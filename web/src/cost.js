// What formatting may cost. A model's text must not freeze the page: what would cost more is shown as plain text.
//
// Cost is counted, not timed, so that the same text always looks the same. Two things make Markdown expensive: each step
// of the lexer may look at all of the line (or block) that is left, and each level of nesting reads the text again.
import { h } from "./dom.js";

/** Characters that all steps together may look at: some 100 ms. A line of 50 kB with 5000 marks takes four fifths. */
const MOST_STEPS = 250e6;
const NESTED = 15; // a nested list or quote costs so much more per character
export const SLOW = 10; // and so much more if a slow expression looks at it
const DEEPEST = 60; // levels of lists and quotes, or of emphasis and links
const MOST_TAGS = 16_000; // of one block
const MARKS = 40; // combining marks on one letter: shaping them takes time that grows with their square

/** A text costs too much. */
export class TooDear extends Error {}

/** A tokenizer that throws `TooDear` when a text costs too much. @param {any} Tokenizer That of marked. */
export function frugal(Tokenizer) {
  return class extends Tokenizer {
    steps = 0;
    depth = 0;

    /** Every step of a block begins with this. @param {string} text */
    space(text) {
      this.charge(this.depth ? text.length * NESTED : text.length / 10);
      return super.space(text);
    }

    /** Every step of a line begins with this. @param {string} text */
    escape(text) {
      this.charge(text.length);
      return super.escape(text);
    }

    /** Looks at a paragraph to its end. @param {string} text */
    lheading(text) {
      this.charge(paragraphIn(text) * SLOW);
      return super.lheading(text);
    }

    /** @param {any[]} given */
    list(...given) {
      return this.#deeper(() => super.list(...given));
    }

    /** @param {any[]} given */
    blockquote(...given) {
      return this.#deeper(() => super.blockquote(...given));
    }

    /** @param {any[]} given */
    emStrong(...given) {
      return this.#deeper(() => super.emStrong(...given));
    }

    /** @param {any[]} given */
    link(...given) {
      return this.#deeper(() => super.link(...given));
    }

    /** @param {any[]} given */
    del(...given) {
      return this.#deeper(() => super.del(...given));
    }

    /** @param {number} steps */
    charge(steps) {
      this.steps += steps;
      if (this.steps > MOST_STEPS) throw new TooDear("too many steps");
    }

    /** @template T @param {() => T} work @returns {T} */
    #deeper(work) {
      if (this.depth >= DEEPEST) throw new TooDear("too deep");
      this.depth += 1;
      try {
        return work();
      } finally {
        this.depth -= 1;
      }
    }
  };
}

/** How long the paragraph is that a text begins with. @param {string} text */
export function paragraphIn(text) {
  const end = text.indexOf("\n\n");
  return end < 0 ? text.length : end;
}

/** How many tags a block has, if they are not too many. @param {string} html */
export function tagsIn(html) {
  const tags = html.split("<").length - 1;
  if (tags > MOST_TAGS) throw new TooDear("too many elements");
  return tags;
}

/** Text as it was written, and why. @param {string} text */
export function plain(text) {
  return h("div", { class: "plain" }, text, h("p", { class: "small" }, "Shown as plain text: formatting this would take too long."));
}

/**
 * Break up endless combining marks with dotted circles for them to stand on. Unlike everything else they are slow even as plain text.
 * @param {string} text @param {number} [before] How many marks the text before this one ends with.
 */
export function calm(text, before = 0) {
  if (before + text.length <= MARKS || !/\p{M}/u.test(text)) return text;
  let marks = before;
  return text.replace(/\p{M}|\P{M}+/gu, (found) => {
    if (!/^\p{M}/u.test(found)) marks = 0;
    else if (++marks > MARKS) return ((marks = 1), `\u25cc${found}`);
    return found;
  });
}

/** How many marks a text ends with; not more than matter. @param {string} text */
export function marksAtEnd(text) {
  return [...(/\p{M}*$/u.exec(text.slice(-2 * MARKS))?.[0] ?? "")].length;
}
