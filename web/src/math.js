// TeX in Markdown: $...$, \(...\), $$...$$, \[...\]. It is left as code here and set by KaTeX when that is loaded.
import { SLOW, paragraphIn } from "./cost.js";
import { escapeHtml } from "./dom.js";

const INLINE = [/^\$\$([^$\n]+?)\$\$/, /^\$(?![\s$])((?:\\.|[^$\\\n])*[^\s$\\]|(?:\\.)+)\$(?!\d)/, /^\\\(([^\n]+?)\\\)/];
const BLOCK = [/^ {0,3}\$\$((?:(?!\n\n)[^$])+?)\$\$[ \t]*(?:\n|$)/, /^ {0,3}\\\[((?:(?!\n\n)[\s\S])+?)\\\][ \t]*(?:\n|$)/];

/** @param {string} name @param {"inline" | "block"} level @param {RegExp[]} forms @param {RegExp} opening */
function extension(name, level, forms, opening) {
  return {
    name,
    level,
    start: (/** @type {string} */ text) => {
      const at = (level === "block" ? text.slice(0, paragraphIn(text)) : text).search(opening); // not in all that follows: that is quadratic
      return at < 0 ? undefined : at;
    },
    /** @this {any} @param {string} text */
    tokenizer(text) {
      if (level === "block" && /^ {0,3}(?:\$\$|\\\[)/.test(text)) this.lexer.tokenizer.charge(paragraphIn(text) * SLOW);
      for (const form of forms) {
        const found = form.exec(text);
        if (found) return { type: name, raw: found[0], text: found[1].trim(), display: level === "block" || found[0].startsWith("$$") };
      }
      return undefined;
    },
    renderer: (/** @type {any} */ token) => {
      const code = `<code class="math${token.display ? " display" : ""}">${escapeHtml(token.text)}</code>`;
      return level === "block" ? `<p>${code}</p>` : code;
    },
  };
}

/** What marked is to know of mathematics. */
export const math = {
  extensions: [
    extension("blockMath", "block", BLOCK, /\n {0,3}(?:\$\$|\\\[)/),
    extension("inlineMath", "inline", INLINE, /\$|\\\(/),
  ],
};
