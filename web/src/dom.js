// Elements in one line each. Text is always text; nothing here parses markup.

/**
 * @param {string} tag @param {Record<string, any>} [props] Attributes; functions are listeners; false leaves one out.
 * @param {...(Node | string | null | undefined | false)} children @returns {any}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The element with this id. @param {string} id @returns {any} */
export function the(id) {
  return document.getElementById(id);
}

/** Make these the children; those that stand where they belong are not touched. @param {Element} parent @param {Element[]} wanted */
export function arrange(parent, wanted) {
  let at = parent.firstElementChild;
  for (const element of wanted) {
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  while (at) {
    const next = at.nextElementSibling;
    at.remove();
    at = next;
  }
}

/** An icon of the page's own sheet. @param {string} name */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("class", "icon");
  picture.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#icon-${name}`);
  picture.append(use);
  return picture;
}

/** Whether a key sends a message: Enter, but not in the middle of a word of an input method. @param {KeyboardEvent} event */
export function isSend({ key, shiftKey, isComposing }) {
  return key === "Enter" && !shiftKey && !isComposing;
}

/** Say something to those who do not see it. @param {string} words */
export function announce(words) {
  the("status").textContent = words;
}

/** Return text as HTML that shows it. @param {string} text @returns {string} */
export function escapeHtml(text) {
  /** @type {Record<string, string>} */
  const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (sign) => names[sign]);
}
