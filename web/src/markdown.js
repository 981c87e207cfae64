// From a model's Markdown to harmless DOM: raw HTML is shown as text, links ask before they leave, no image is fetched.
import DOMPurify from "dompurify";
import { Marked } from "marked";
import { TooDear, frugal, tagsIn } from "./cost.js";
import { escapeHtml } from "./dom.js";
import { math } from "./math.js";

const TAGS = "a blockquote br code del div em h1 h2 h3 h4 h5 h6 hr img li ol p pre span strong table tbody td th thead tr ul";
const ATTRIBUTES = "href target rel title class align start src alt role aria-label tabindex";
const RULES = {
  ALLOWED_TAGS: TAGS.split(" "),
  ALLOWED_ATTR: ATTRIBUTES.split(" "),
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};
const MATH_RULES = {
  USE_PROFILES: { mathMl: true },
  ADD_TAGS: ["semantics"],
  FORBID_TAGS: ["annotation", "a"],
  FORBID_CONTENTS: ["annotation"],
  FORBID_ATTR: ["style", "href", "src", "id"],
};
/** @type {RegExp} Images inside the text itself (`data:` URLs). */
const PICTURE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/;

const renderer = {
  /** @param {any} token */
  html: (token) => escapeHtml(token.text),
  /** @param {any} token */
  code: ({ text, lang }) => `<pre tabindex="0"><code class="${language(lang)}">${escapeHtml(text)}\n</code></pre>`,
  /** @param {any} token */
  image: ({ href, text, title }) => (PICTURE.test(href) ? `<img src="${href}" alt="${escapeHtml(text)}">` : link(href, title, escapeHtml(text || href))),
  /** @this {any} @param {any} token */
  link(token) {
    return link(token.href, token.title, this.parser.parseInline(token.tokens));
  },
  /** @param {any} token */
  checkbox: ({ checked }) => `<span class="check" role="img" aria-label="${checked ? "done" : "open"}">${checked ? "☑" : "☐"}</span> `,
};

const marked = new Marked({ gfm: true, breaks: true, renderer }, math);
const Frugal = frugal(marked.Tokenizer);

/**
 * Cut Markdown into blocks; `links` are the reference definitions that are known before. If a block costs too much, these
 * are the blocks before it, and they are `dear`.
 */
export function blocksOf(/** @type {string} */ text, /** @type {any} */ links = {}) {
  return lexer(links).affordable(text);
}

/** Return what blocks look like. @param {any[]} blocks @returns {DocumentFragment} */
export function drawn(blocks) {
  return drawnWithTags(blocks).fragment;
}

/** The same, and how many tags they have. @param {any[]} blocks @returns {{ fragment: DocumentFragment, tags: number }} */
export function drawnWithTags(blocks) {
  return counted(() => {
    const html = marked.parser(blocks);
    const tags = tagsIn(html);
    return { fragment: DOMPurify.sanitize(html, { ...RULES, RETURN_DOM_FRAGMENT: true }), tags };
  });
}

/** Cut a line into its words, links and so on; or throw `TooDear`, as what draws does. @param {string} text @param {any} links @returns {any[]} */
export function inlineOf(text, links) {
  return counted(() => lexer(links).inlineTokens(text));
}

/** Return what these look like. @param {any[]} tokens @returns {DocumentFragment} */
export function drawnInline(tokens) {
  return DOMPurify.sanitize(new marked.Parser(marked.defaults).parseInline(tokens), { ...RULES, RETURN_DOM_FRAGMENT: true });
}

/** Return the DOM of markup that a library of ours made of a model's words. @param {string} html @returns {DocumentFragment} */
export function harmless(html) {
  return DOMPurify.sanitize(html, { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true });
}

/** The same for MathML. @param {string} html @returns {DocumentFragment} */
export function harmlessMath(html) {
  return DOMPurify.sanitize(html, { ...MATH_RULES, RETURN_DOM_FRAGMENT: true });
}

/** Knows to which block the lines belong that it reads at the end. */
class FrugalLexer extends /** @type {any} */ (marked.Lexer) {
  /** @param {string} src @param {any[]} [tokens] */
  inline(src, tokens = []) {
    this.inlineQueue.push({ src, tokens, block: this.tokens.length });
    return tokens;
  }

  /** The blocks that can be afforded. @param {string} text @returns {any} */
  affordable(text) {
    const isAffordable = this.#tried(() => this.blockTokens(text, this.tokens));
    for (const { src, tokens, block } of this.inlineQueue) {
      if (block >= this.tokens.length) break; // of the block that was too dear
      this.state.inRawBlock = false;
      if (!this.#tried(() => this.inlineTokens(src, tokens))) return this.#dear(block);
    }
    return isAffordable ? this.tokens : this.#dear(this.tokens.length);
  }

  /** @param {number} count */
  #dear(count) {
    this.tokens.length = count;
    return Object.assign(this.tokens, { dear: true });
  }

  /** @param {() => void} work */
  #tried(work) {
    try {
      counted(work);
      return true;
    } catch (error) {
      if (error instanceof TooDear) return false;
      throw error;
    }
  }
}

/** @param {any} links */
function lexer(links) {
  const found = new FrugalLexer({ ...marked.defaults, tokenizer: new Frugal() });
  Object.assign(found.tokens.links, links);
  return found;
}

/** @template T @param {() => T} work @returns {T} */
function counted(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new TooDear("the stack overflows");
    throw error;
  }
}

/** @param {string | undefined} name */
function language(name = "") {
  const word = name.split(/\s/)[0].toLowerCase();
  return /^[\w+#.-]{1,30}$/.test(word) ? `language-${word}` : "";
}

/** @param {string} href @param {string | null} title @param {string} inner */
function link(href, title, inner) {
  if (!/^(?:https?:\/\/|mailto:)/i.test(href)) return inner;
  const shown = escapeHtml(title ? `${title} (${href})` : href);
  return `<a href="${escapeHtml(href)}" title="${shown}" target="_blank" rel="noopener noreferrer nofollow">${inner}</a>`;
}
