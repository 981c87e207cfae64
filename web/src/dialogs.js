// The dialogs: settings, the question for the API key, and that before a link of the model's is opened.
import { the } from "./dom.js";
import { saveSettings, settings } from "./store.js";

const FIELDS = ["system", "temperature", "maxTokens", "theme", "apiKey"];

/** @param {() => void} changed Is called after the key has changed. */
export function settingsDialog(changed) {
  const dialog = the("options");
  const form = dialog.querySelector("form");
  the("settings").addEventListener("click", () => openSettings());
  form.addEventListener("input", () => {
    const values = Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]));
    saveSettings({ ...values, thoughts: form.elements.thoughts.checked });
    showTheme();
  });
  let key = "";
  dialog.addEventListener("beforetoggle", () => (key = dialog.open ? key : settings().apiKey));
  dialog.addEventListener("close", () => settings().apiKey !== key && changed());
  keyDialog(changed);
  showTheme();
}

/** @param {() => void} changed */
function keyDialog(changed) {
  const dialog = the("sign-in");
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "enter") return;
    saveSettings({ apiKey: dialog.querySelector("input").value.trim() });
    changed();
  });
}

/** Ask for the server's API key, and for nothing else. */
export function signIn() {
  const dialog = the("sign-in");
  if (document.querySelector("dialog[open]")) return;
  the("key-note").textContent = settings().apiKey ? "This server did not accept the API key. Enter another one." : "API key of this server";
  dialog.querySelector("input").value = dialog.returnValue = "";
  dialog.showModal();
}

/** Open the settings. */
export function openSettings() {
  const form = the("options").querySelector("form");
  const values = settings();
  for (const name of FIELDS) form.elements[name].value = values[name];
  form.elements.thoughts.checked = values.thoughts;
  if (!the("options").open) the("options").showModal();
}

export function showTheme() {
  document.documentElement.dataset.theme = settings().theme;
}

/** Ask before a link in `element` is followed. @param {HTMLElement} element */
export function guardLinks(element) {
  const dialog = the("leave");
  let address = "";
  const ask = (/** @type {MouseEvent} */ event) => {
    const link = /** @type {HTMLElement} */ (event.target).closest?.("a[href]");
    if (!link) return;
    event.preventDefault();
    address = /** @type {HTMLAnchorElement} */ (link).href;
    the("address").textContent = address;
    dialog.returnValue = "cancel";
    dialog.showModal();
  };
  element.addEventListener("click", ask);
  element.addEventListener("auxclick", ask);
  element.addEventListener("dragstart", (event) => event.preventDefault());
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "open") open(address, "_blank", "noopener,noreferrer");
  });
}
