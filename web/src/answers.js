// Answers that run: each is read from its stream into its message, and saved with the offset that it has come to.
import { HeadwaterError, attach, start, textOf } from "./headwater.js";
import { FullError, saveMessage, settings, stored } from "./store.js";

/** @typedef {import("./store.js").Message} Message */

const SAVE_EVERY = 500;
const STOP_PATIENCE = 3000;
/** @type {Map<string, Running>} */
const running = new Map();
addEventListener("pagehide", () => running.forEach((answer) => answer.save()));

/** The running answer that fills a message, begun if it is not yet. @param {Message} message @param {Message[]} before @returns {Running} */
export function answer(message, before) {
  let found = running.get(message.id);
  if (!found) {
    found = new Running(message, before);
    running.set(message.id, found);
    found.run().finally(() => running.delete(message.id));
  }
  return found;
}

/** An answer on its way into its message. Events: `text`, `thought`, `picture`, `state`, `end`. */
export class Running extends EventTarget {
  #reading = new AbortController();
  #saved = 0;
  #isStopping = false;
  /** What to tell the user while there is no connection. */
  trouble = "";

  /** @param {Message} message @param {Message[]} before */
  constructor(message, before) {
    super();
    this.message = message;
    this.before = before;
  }

  /** Stop it on the server; what there is stays. A server that does not answer is left alone. */
  async stop() {
    this.#isStopping = true;
    if (!this.stream) {
      setTimeout(() => this.stream || this.#reading.abort(), STOP_PATIENCE);
      return;
    }
    await this.stream.stop().catch(() => this.#reading.abort());
  }

  /** Read to the end. */
  async run() {
    const message = this.message;
    try {
      this.stream = await this.#open();
      if (this.#isStopping) await this.stop();
      for await (const event of this.stream) this.#take(event);
      if (message.state === "running") this.#adopt();
    } catch (error) {
      this.#fail(error);
    }
    this.trouble = "";
    this.save();
    this.dispatchEvent(new Event("end"));
  }

  save() {
    this.#saved = performance.now();
    try {
      saveMessage(this.message);
    } catch (error) {
      if (!(error instanceof FullError)) throw error;
      this.trouble = error.message;
    }
  }

  async #open() {
    const message = this.message;
    const onState = (/** @type {string} */ state, /** @type {any} */ detail) => this.#connection(state, detail);
    const options = { apiKey: settings().apiKey, signal: this.#reading.signal, after: message.after ?? 0, onState };
    if (message.stream) return attach(message.stream, options);
    const stream = await start(requestOf(message, this.before), { ...options, repeatKey: message.repeatKey });
    message.stream = stream.id;
    this.save();
    return stream;
  }

  /** @param {import("./headwater.js").StreamEvent} event */
  #take(event) {
    const message = this.message;
    message.after = event.id;
    if (event.type === "chunk") this.#takeChunk(event.data);
    else if (event.type === "failed") this.#takeError(event.data?.error ?? {});
    else {
      message.state = event.data.reason === "cancelled" ? "stopped" : "done";
      message.usage = event.data.usage ?? message.usage;
      message.times = { first: event.data.first, seconds: event.data.seconds };
    }
    if (performance.now() - this.#saved > SAVE_EVERY) this.save();
  }

  /** @param {any} chunk */
  #takeChunk(chunk) {
    const message = this.message;
    const candidate = chunk.candidates?.[0];
    if (chunk.usageMetadata) message.usage = chunk.usageMetadata;
    const reason = candidate?.finishReason ?? chunk.promptFeedback?.blockReason;
    if (reason && reason !== "STOP") message.finish = reason;
    for (const part of candidate?.content?.parts ?? []) {
      if (part.thought && part.text) {
        message.thoughts = (message.thoughts ?? "") + part.text;
        this.dispatchEvent(new CustomEvent("thought", { detail: part.text }));
      } else if (part.inlineData?.mimeType?.startsWith("image/")) {
        (message.pictures ??= []).push({ inlineData: part.inlineData });
        this.dispatchEvent(new CustomEvent("picture", { detail: part.inlineData }));
      }
    }
    const text = textOf(chunk);
    message.text = (message.text ?? "") + text;
    if (text) this.dispatchEvent(new CustomEvent("text", { detail: text }));
  }

  /** @param {any} error */
  #takeError(error) {
    const reason = error.details?.find((/** @type {any} */ detail) => detail.reason)?.reason;
    this.message.state = "failed";
    this.message.error = { status: error.code ?? 500, message: error.message ?? "", reason };
  }

  /** @param {any} error */
  #fail(error) {
    const message = this.message;
    if (this.#isStopping) {
      message.state = "stopped";
      return;
    }
    message.state = "failed";
    const isKnown = error instanceof HeadwaterError;
    if (!isKnown) console.error(error);
    const isForgotten = isKnown && error.status === 404 && Boolean(message.stream);
    message.error = { status: isKnown ? error.status : -1, message: error.message, reason: isForgotten ? "FORGOTTEN" : undefined };
  }

  /** The end was read by another tab, which has saved it. */
  #adopt() {
    const known = stored(this.message);
    if (known && known.state !== "running") Object.assign(this.message, known);
    else this.message.state = "done";
  }

  /** @param {string} state @param {any} detail */
  #connection(state, detail) {
    if (state === "waiting") this.trouble = troubleWords(detail.error);
    else if (state === "open" || state === "done") this.trouble = "";
    this.dispatchEvent(new Event("state"));
  }
}

/** @param {HeadwaterError} error */
function troubleWords(error) {
  if (!navigator.onLine) return "You are offline. The answer goes on here when the network is back.";
  if (error.status === 429) return "The server is busy. Waiting for a place…";
  return "The connection is lost. Trying again…";
}

/** The request of the Gemini API for a message. @param {Message} message @param {Message[]} before @returns {any} */
export function requestOf(message, before) {
  const { model, system, temperature, maxTokens, thoughts } = message.settings;
  /** @type {any} */
  const generationConfig = {};
  if (temperature !== "") generationConfig.temperature = Number(temperature);
  if (maxTokens !== "") generationConfig.maxOutputTokens = Number(maxTokens);
  if (thoughts) generationConfig.thinkingConfig = { includeThoughts: true };
  /** @type {any} */
  const request = { model, on_break: "continue", contents: before.map(contentOf).filter(({ parts }) => parts.length), generationConfig };
  if (system.trim()) request.systemInstruction = { parts: [{ text: system }] };
  return request;
}

/** @param {Message} message */
function contentOf({ role, parts, text, pictures }) {
  if (role === "user") return { role, parts: parts ?? [] };
  return { role, parts: [...(text ? [{ text }] : []), ...(pictures ?? [])] };
}
