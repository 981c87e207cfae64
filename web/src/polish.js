// What finished blocks get besides their Markdown: highlighting and a copy button for code, formulas, tables that scroll.
import { harmless, harmlessMath } from "./markdown.js";
import { h } from "./dom.js";

const LONGEST_HIGHLIGHTED = 20_000;
const LONGEST_FORMULA = 4000;
const A_FRAME = 30; // milliseconds
/** @type {Map<string, DocumentFragment | null>} */
const formulas = new Map();
/** @type {any} */
let katex;
/** @type {any} */
let highlighter;

/** @param {ParentNode} root @param {{ isGrowing?: boolean }} [how] */
export function polish(root, { isGrowing = false } = {}) {
  for (const element of root.querySelectorAll("code.math")) setMath(element);
  for (const table of root.querySelectorAll("table")) wrap(table);
  for (const code of root.querySelectorAll("pre > code")) {
    addCopy(code);
    if (!isGrowing) highlight(code);
  }
}

/** The language of a code block; "" if it names none. @param {Element} code */
export function languageOf(code) {
  return /language-(\S+)/.exec(code.className)?.[1] ?? "";
}

/** Highlighted code; null if the language is unknown, or the highlighter is not loaded yet. @param {string} text @param {string} name */
export function highlighted(text, name) {
  if (!name || !highlighter?.getLanguage(name)) return null;
  return harmless(highlighter.highlight(text, { language: name, ignoreIllegals: true }).value);
}

/** Load the highlighter. */
export async function loadHighlighter() {
  highlighter ??= (await import("./languages.js")).default;
}

let turns = Promise.resolve();
let turnEnds = 0;

/** Wait until there is time: formulas and code are set one after another, and the browser has its turn between them. */
function myTurn() {
  turns = turns.then(() => {
    if (performance.now() < turnEnds) return undefined;
    return new Promise((resolve) => setTimeout(() => ((turnEnds = performance.now() + A_FRAME), resolve(undefined))));
  });
  return turns;
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
  const name = languageOf(code);
  const button = h("button", { type: "button", class: "quiet", "data-copy": "", "aria-label": "Copy this code" }, "Copy");
  const frame = h("div", { class: "code" }, h("div", { class: "code-head" }, h("span", {}, name), button));
  pre.replaceWith(frame);
  frame.append(pre);
}

/** @param {Element} code */
async function highlight(code) {
  const name = languageOf(code);
  const text = code.textContent ?? "";
  if (!name || text.length > LONGEST_HIGHLIGHTED) return;
  await loadHighlighter();
  await myTurn();
  const found = highlighted(text, name);
  if (found) code.replaceChildren(found);
}

/** @param {Element} element */
async function setMath(element) {
  const isDisplay = element.classList.contains("display");
  const tex = element.textContent ?? "";
  const key = `${isDisplay} ${tex}`;
  if (!formulas.has(key)) {
    katex ??= (await import("katex")).default;
    await myTurn();
    formulas.set(key, tex.length > LONGEST_FORMULA ? null : typeset(tex, isDisplay));
  }
  const formula = formulas.get(key)?.cloneNode(true);
  if (formula) element.replaceWith(h("span", { class: isDisplay ? "formula display" : "formula" }, formula));
  else element.className = "tex";
}

/** The rendered formula; null if it is not valid and has to be shown as it was written. @param {string} tex @param {boolean} displayMode */
function typeset(tex, displayMode) {
  const limits = { maxSize: 20, maxExpand: 200 };
  try {
    return harmlessMath(katex.renderToString(tex, { displayMode, output: "mathml", trust: false, strict: "ignore", ...limits }));
  } catch (error) {
    if (error instanceof katex.ParseError || error instanceof RangeError) return null; // the latter: nested too deeply
    throw error;
  }
}
