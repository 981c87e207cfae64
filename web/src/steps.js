// What a model did on the way to its answer: functions that were called, code that was run, files; folded, one line each.
import { calm } from "./cost.js";
import { h, icon } from "./dom.js";
import { Growing } from "./growing.js";

const BRIEF = 72;
/** @typedef {import("./store.js").Part} Part */

/** The steps of one message; a result goes to the call that it answers. */
export class Steps {
  /** @type {{ id?: string, name: string, step: HTMLElement }[]} */
  #open = [];

  /** What shows a part that is not text: null if it is shown in another, or nothing. @param {Part} part @returns {HTMLElement | null} */
  view(part) {
    if (part.functionCall) return this.#call(part.functionCall);
    if (part.functionResponse) return this.#result(part.functionResponse);
    if (part.executableCode) return this.#code(part.executableCode);
    if (part.codeExecutionResult) return this.#output(part.codeExecutionResult);
    if (part.inlineData) return step("file", ["A file"], typeOf(part.inlineData.mimeType));
    if (part.fileData) return step("file", ["A file"], part.fileData.displayName ?? part.fileData.fileUri ?? "");
    const isEmpty = Object.keys(part).every((key) => ["text", "thought", "thoughtSignature"].includes(key));
    return isEmpty ? null : step("tool", ["Something else"], "", box("Raw", json(part)));
  }

  /** @param {any} call */
  #call({ id, name = "", args }) {
    const hasArguments = args && Object.keys(args).length > 0;
    const found = step("tool", ["Called ", h("code", {}, name)], hasArguments ? brief(args) : "", hasArguments && box("Arguments", json(args)));
    this.#open.push({ id, name, step: found });
    return found;
  }

  /** @param {any} result */
  #result({ id, name = "", response }) {
    const shown = box("Result", json(response));
    const call = this.#take((open) => (id && open.id ? open.id === id : open.name === name));
    if (!call) return step("tool", ["Result of ", h("code", {}, name)], brief(response), shown);
    call.append(shown);
    return null;
  }

  /** @param {any} code */
  #code({ language = "", code = "" }) {
    const name = language.toLowerCase();
    const words = name && name !== "language_unspecified" ? `Ran ${name[0].toUpperCase()}${name.slice(1)}` : "Ran code";
    const found = step("tool", [words], code.trim().split("\n")[0], program(code, name));
    this.#open.push({ name: "\0code", step: found });
    return found;
  }

  /** @param {any} result */
  #output({ outcome = "", output = "" }) {
    const isBad = outcome !== "" && outcome !== "OUTCOME_OK";
    const shown = box(isBad ? "It failed" : "Output", output.trimEnd() || "nothing");
    const call = this.#take((open) => open.name === "\0code");
    if (!call) return step("tool", [isBad ? "Code failed" : "Output of code"], output.trim().split("\n")[0], shown);
    call.append(shown);
    return null;
  }

  /** @param {(open: { id?: string, name: string }) => boolean} fits */
  #take(fits) {
    const at = this.#open.findIndex(fits);
    return at < 0 ? null : this.#open.splice(at, 1)[0].step;
  }
}

/** @param {string} picture @param {(Node | string)[]} label @param {string} note @param {...(Node | false | undefined)} boxes */
function step(picture, label, note, ...boxes) {
  const line = [icon(picture), h("span", { class: "step-name" }, ...label), h("span", { class: "step-brief" }, note.slice(0, BRIEF * 2))];
  const hasMore = boxes.some(Boolean);
  return hasMore || picture === "tool" ? h("details", { class: "step" }, h("summary", {}, ...line), ...boxes) : h("p", { class: "step" }, ...line);
}

/** Text as it is, with a name and a button to copy it. @param {string} name @param {string} text */
function box(name, text) {
  const copy = h("button", { type: "button", class: "quiet", "data-copy": "", "aria-label": `Copy: ${name}` }, "Copy");
  const head = h("div", { class: "code-head" }, h("span", {}, name), copy);
  return h("div", { class: "step-box text" }, h("div", { class: "code" }, head, h("pre", { tabindex: 0 }, h("code", {}, calm(text)))));
}

/** Highlighted code. @param {string} code @param {string} language */
function program(code, language) {
  const element = h("div", { class: "step-box text" });
  const growing = new Growing(element);
  const longest = Math.max(2, ...(code.match(/`+/g) ?? []).map((ticks) => ticks.length));
  const fence = "`".repeat(longest + 1);
  growing.push(`${fence}${language.replace(/[^a-z0-9+#-]/g, "")}\n${code}\n${fence}\n`);
  growing.finish();
  return element;
}

/** @param {any} value */
function json(value) {
  return JSON.stringify(value ?? null, null, 2);
}

/** Arguments in one line. @param {any} value */
function brief(value) {
  const pairs = value && typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : [["", value]];
  const words = pairs.map(([name, one]) => `${name && `${name}: `}${typeof one === "string" ? one : JSON.stringify(one)}`).join(", ");
  return words.length > BRIEF ? `${words.slice(0, BRIEF - 1)}…` : words;
}

/** @param {string} [type] */
function typeOf(type = "") {
  return type.replace(/^application\//, "");
}
