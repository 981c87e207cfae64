// What finished blocks get besides their Markdown: colours and a copy button for code, formulas, tables that scroll.
import { harmless, harmlessMath } from "./markdown.js";
import { h } from "./dom.js";

const LONGEST_COLOURED = 60_000;
/** @type {Map<string, DocumentFragment | null>} */
const formulas = new Map();
/** @type {any} */
let katex;

/** @param {ParentNode} root @param {{ isGrowing?: boolean }} [how] */
export function polish(root, { isGrowing = false } = {}) {
  for (const element of root.querySelectorAll("code.math")) setMath(element);
  for (const table of root.querySelectorAll("table")) wrap(table);
  if (isGrowing) return;
  for (const code of root.querySelectorAll("pre > code")) {
    addCopy(code);
    colour(code);
  }
}

/** @param {Element} table */
function wrap(table) {
  const box = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" });
  table.replaceWith(box);
  box.append(table);
}

/** @param {Element} code */
function addCopy(code) {
  const pre = /** @type {Element} */ (code.parentElement);
  const name = /language-(\S+)/.exec(code.className)?.[1] ?? "";
  const button = h("button", { type: "button", class: "quiet", "data-copy": "", "aria-label": "Copy this code" }, "Copy");
  const frame = h("div", { class: "code" }, h("div", { class: "code-head" }, h("span", {}, name), button));
  pre.replaceWith(frame);
  frame.append(pre);
}

/** @param {Element} code */
async function colour(code) {
  const name = /language-(\S+)/.exec(code.className)?.[1];
  const text = code.textContent ?? "";
  if (!name || text.length > LONGEST_COLOURED) return;
  const { default: highlighter } = await import("./languages.js");
  if (!highlighter.getLanguage(name)) return;
  code.replaceChildren(harmless(highlighter.highlight(text, { language: name, ignoreIllegals: true }).value));
}

/** @param {Element} element */
async function setMath(element) {
  const isDisplay = element.classList.contains("display");
  const tex = element.textContent ?? "";
  const key = `${isDisplay} ${tex}`;
  if (!formulas.has(key)) {
    katex ??= (await import("katex")).default;
    formulas.set(key, typeset(tex, isDisplay));
  }
  const formula = formulas.get(key)?.cloneNode(true);
  if (formula) element.replaceWith(h("span", { class: isDisplay ? "formula display" : "formula" }, formula));
  else element.className = "tex";
}

/** The formula; null if it is none, and is to be read as it was written. @param {string} tex @param {boolean} displayMode */
function typeset(tex, displayMode) {
  const limits = { maxSize: 20, maxExpand: 200 };
  try {
    return harmlessMath(katex.renderToString(tex, { displayMode, output: "mathml", trust: false, strict: "ignore", ...limits }));
  } catch (error) {
    if (error instanceof katex.ParseError || error instanceof RangeError) return null; // the latter: nested too deeply
    throw error;
  }
}
