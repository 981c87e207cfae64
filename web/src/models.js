// The models that the server has, and the one that is chosen.
import { h } from "./dom.js";
import { HeadwaterError, call } from "./headwater.js";
import { saveSettings, settings } from "./store.js";
import { signIn } from "./dialogs.js";

const WITHOUT_LIST = "gemini-3.8-flash";
/** Models that think, where the list does not say. */
const THINKING = /gemini-(?:2\.5|[3-9])|-latest/;
/** What the names of models end with under which the offline engine answers. */
const OFFLINE = " (offline)";
/** @type {{ names: Set<string>, isAll: boolean }} */
let offline = { names: new Set(), isAll: false };

export class Models {
  /** @type {any[]} */
  #found = [];

  /** @param {HTMLSelectElement} select @param {HTMLElement} note */
  constructor(select, note) {
    this.select = select;
    this.note = note;
    select.addEventListener("change", () => (saveSettings({ model: select.value }), this.#tell("")));
    this.#show();
  }

  get chosen() {
    return this.select.value;
  }

  /** Whether the chosen model may be asked for its thoughts. */
  get canThink() {
    const model = this.#found.find(({ name }) => short(name) === this.chosen);
    return model?.thinking ?? THINKING.test(this.chosen);
  }

  /** Whether the list could not be had. */
  hasFailed = false;

  async load() {
    try {
      const response = await call("/v1beta/models?pageSize=1000", {}, { apiKey: settings().apiKey });
      const { models = [] } = await response.json();
      this.#take(models.filter(writes));
      this.#tell("");
    } catch (error) {
      const status = error instanceof HeadwaterError ? error.status : 0;
      if (status === 401) return this.#needKey();
      this.#take([]);
      this.#tell(status ? "" : "The server cannot be reached. Check that it is running.");
    }
  }

  /** @param {any[]} models */
  #take(models) {
    this.#found = models;
    const names = models.filter(({ displayName = "" }) => displayName.endsWith(OFFLINE)).map(({ name }) => short(name));
    offline = { names: new Set(names), isAll: names.length > 0 && names.length === models.length };
    this.#show();
    for (const label of document.querySelectorAll("[data-model]")) label.textContent = modelLabel(label.dataset.model);
  }

  /** @param {string} trouble Why the list could not be had. */
  #tell(trouble) {
    this.hasFailed = trouble !== "";
    this.note.textContent = trouble || (isOffline(this.chosen) ? "Offline engine: no model answers. Set GEMINI_API_KEY and restart for Gemini." : "");
  }

  #needKey() {
    this.note.textContent = "This server needs an API key.";
    signIn();
  }

  #show() {
    const names = this.#found.map(({ name }) => short(name));
    const wanted = settings().model || (names.includes(WITHOUT_LIST) ? WITHOUT_LIST : (names[0] ?? WITHOUT_LIST));
    if (!names.includes(wanted)) names.unshift(wanted);
    this.select.replaceChildren(...names.map((name) => h("option", { value: name, selected: name === wanted }, modelLabel(name))));
  }
}

/** A model's name, and whether the offline engine answers under it. @param {string} name */
export function modelLabel(name) {
  return isOffline(name) ? name + OFFLINE : name;
}

/** @param {string} name */
function isOffline(name) {
  return offline.isAll || offline.names.has(name);
}

/** @param {any} model */
function writes({ name, supportedGenerationMethods: methods }) {
  return typeof name === "string" && (!methods || methods.includes("generateContent"));
}

/** @param {string} name */
function short(name) {
  return name.replace(/^models\//, "");
}
