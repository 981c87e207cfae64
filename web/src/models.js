// The models that the server has, and the one that is chosen.
import { h } from "./dom.js";
import { HeadwaterError, call } from "./headwater.js";
import { saveSettings, settings } from "./store.js";
import { openSettings } from "./dialogs.js";

const WITHOUT_LIST = "gemini-2.5-flash";
/** Models that think, where the list does not say. */
const THINKING = /gemini-(?:2\.5|[3-9])|-latest/;

export class Models {
  /** @type {any[]} */
  #found = [];

  /** @param {HTMLSelectElement} select @param {HTMLElement} note */
  constructor(select, note) {
    this.select = select;
    this.note = note;
    select.addEventListener("change", () => saveSettings({ model: select.value }));
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
      this.#found = models.filter(writes);
      this.#tell("");
    } catch (error) {
      const status = error instanceof HeadwaterError ? error.status : 0;
      if (status === 401) return this.#needKey();
      this.#found = [];
      this.#tell(status ? "" : "The server cannot be reached. Check that it is running.");
    }
    this.#show();
  }

  /** @param {string} trouble Why the list could not be had. */
  #tell(trouble) {
    this.hasFailed = trouble !== "";
    this.note.textContent = trouble;
  }

  #needKey() {
    this.note.textContent = "This server needs an API key: enter it in Settings.";
    openSettings("apiKey");
  }

  #show() {
    const names = this.#found.map(({ name }) => short(name));
    const wanted = settings().model || (names.includes(WITHOUT_LIST) ? WITHOUT_LIST : (names[0] ?? WITHOUT_LIST));
    if (!names.includes(wanted)) names.unshift(wanted);
    this.select.replaceChildren(...names.map((name) => h("option", { value: name, selected: name === wanted }, name)));
  }
}

/** @param {any} model */
function writes({ name, supportedGenerationMethods: methods }) {
  return typeof name === "string" && (!methods || methods.includes("generateContent"));
}

/** @param {string} name */
function short(name) {
  return name.replace(/^models\//, "");
}
