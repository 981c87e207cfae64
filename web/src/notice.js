// A line above the message box: how the chat stands, or what did not work; with what can be done about it.
import { announce, h, icon, the } from "./dom.js";

const WHILE = 12_000;
let timer = 0;

/** How the open chat stands; empty if there is nothing to say. @param {string} words @param {{ label: string, act: () => void }[]} [ways] */
export function stand(words, ways = []) {
  if (the("stand").dataset.words === words) return;
  the("stand").dataset.words = words;
  const buttons = ways.map(({ label, act }) => h("button", { type: "button", click: act }, label));
  the("stand").replaceChildren(...(words ? [h("p", {}, words), ...buttons] : []));
}

/** What was said is over. */
export function hush() {
  the("said").replaceChildren();
}

/** Say for a while what did not work, or what was done. @param {string} words @param {{ label: string, act: () => void }} [way] */
export function say(words, way) {
  clearTimeout(timer);
  announce(words);
  const close = () => the("said").replaceChildren();
  const act = way && h("button", { type: "button", click: () => (close(), way.act()) }, way.label);
  const away = h("button", { type: "button", class: "quiet", "aria-label": "Close", click: close }, icon("close"));
  the("said").replaceChildren(h("p", {}, words), act ?? "", away);
  if (!way) timer = window.setTimeout(close, WHILE);
}
