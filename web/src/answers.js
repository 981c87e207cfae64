// Answers that run: each is read from its stream into its message, from where the message has come to.
import { stopped } from "./api.js";
import { grow } from "./contents.js";
import { HeadwaterError, attach } from "./headwater.js";
import { settings } from "./store.js";

/** @typedef {import("./store.js").Message} Message */

/** An answer on its way into its message. Events: `part` (its `detail`), `state`, `end`. */
export class Running extends EventTarget {
  #reading = new AbortController();
  #isStopping = false;
  /** What to show while there is no connection. */
  trouble = "";
  /** Whether the server does not know the answer: the message is then as it was when that was found out. */
  isForgotten = false;

  /** @param {Message} message @param {string} chat */
  constructor(message, chat) {
    super();
    this.message = message;
    this.chat = chat;
  }

  /** Stop it on the server; what there is stays. It ends here when the server says so. */
  async stop() {
    this.#isStopping = true;
    await stopped(this.chat).catch((error) => this.#connection("waiting", { error }));
  }

  /** Stop reading; the answer continues. */
  leave() {
    this.#reading.abort();
  }

  /** Read to the end, or until `leave`. */
  async run() {
    const { message } = this;
    const onState = (/** @type {string} */ state, /** @type {any} */ detail) => this.#connection(state, detail);
    const options = { apiKey: settings().apiKey, signal: this.#reading.signal, after: message.next ?? 0, onState };
    try {
      for await (const event of attach(message.stream ?? "", options)) this.#take(event);
      if (message.state === "running") this.isForgotten = true; // its end is known on the server only
    } catch (error) {
      if (this.#reading.signal.aborted) return;
      this.#fail(error);
    }
    this.trouble = "";
    this.dispatchEvent(new Event("end"));
  }

  /** @param {import("./headwater.js").StreamEvent} event */
  #take({ id, type, data }) {
    const { message } = this;
    message.next = id;
    if (type === "chunk") {
      for (const part of grow(message, data)) this.dispatchEvent(new CustomEvent("part", { detail: part }));
    } else if (type === "failed") {
      message.state = "failed";
      message.error = data?.error ?? {};
    } else {
      message.state = data.reason === "cancelled" ? "stopped" : "done";
      message.usage = data.usage ?? message.usage;
      message.metrics = { first_chunk: data.first, seconds: data.seconds };
    }
  }

  /** @param {any} error */
  #fail(error) {
    const { message } = this;
    const isKnown = error instanceof HeadwaterError;
    if (!isKnown) console.error(error);
    this.isForgotten = isKnown && error.status === 404;
    message.state = "failed";
    const details = this.isForgotten ? [{ reason: "FORGOTTEN" }] : [];
    message.error = { code: isKnown ? error.status : -1, message: error.message, details };
  }

  /** @param {string} state @param {any} detail */
  #connection(state, detail) {
    if (state === "waiting") this.trouble = this.#isStopping ? "The server cannot be reached. The answer will be stopped when it is back." : troubleWords(detail.error);
    else if (state === "open" || state === "done") this.trouble = "";
    if (state === "open" && this.#isStopping) this.stop();
    this.dispatchEvent(new Event("state"));
  }
}

/** @param {HeadwaterError} error */
function troubleWords(error) {
  if (!navigator.onLine) return "You are offline. The answer resumes here when the network is back.";
  if (error.status === 429) return "The server is busy. Waiting…";
  return "The connection was lost. Reconnecting…";
}
