/**
 * headwater.js: start an answer on a headwater server, read it while it grows, come back to it, stop it.
 *
 *     import { start } from "/headwater.js";
 *
 *     const stream = await start({ model: "gemini-3.8-flash", contents: [{ parts: [{ text: "Hello" }] }] });
 *     for await (const event of stream) if (event.type === "chunk") show(textOf(event.data));
 *
 * The answer runs on the server whether or not anyone reads it. When the connection breaks, reading resumes
 * where it was. A module without dependencies, for browsers and for Node.
 *
 * @typedef {object} StreamEvent
 * @property {number} id The number of this event: what `after` takes.
 * @property {"chunk" | "failed" | "end"} type The last event of every stream is `failed` or `end`.
 * @property {any} data A GenerateContentResponse, an error as Google writes it, or how the answer ended.
 *
 * @typedef {"connecting" | "open" | "waiting" | "done"} State
 *
 * @typedef {object} Options
 * @property {string} [base] The server's URL; by default the one that this module comes from.
 * @property {string} [apiKey] Sent as `x-goog-api-key`.
 * @property {AbortSignal} [signal] Ends the reading. The answer continues; `stop` ends it.
 * @property {number} [after] How many events are known already.
 * @property {number} [retryFor] For how many seconds an unreachable server is retried (forever).
 * @property {number} [every] For how many seconds the server gathers chunks before it sends them (0.1).
 * @property {number} [silence] After how many seconds without a byte a connection counts as broken (45).
 * @property {(state: State, detail: { error?: Error, seconds?: number }) => void} [onState] Called when the state changes.
 * @property {string} [idempotencyKey] Two starts with the same key give one stream.
 */

const PATH = "/v1/streams";
/** The server that this module comes from: at its root, or in the page's assets. */
const HOME = import.meta.url.startsWith("http") ? new URL(".", import.meta.url).href.replace(/\/(assets\/)?$/, "") : "";
const FIRST_PAUSE = 0.25;
const LONGEST_PAUSE = 8;
const START_RETRY = 3;
const SILENCE = 45;
const EVERY = 0.1;

/** A request that the server refused (`status` is HTTP's), or that did not reach it (`status` is 0). */
export class HeadwaterError extends Error {
  /** @param {string} message @param {number} status @param {any} [body] @param {number} [retryAfter] */
  constructor(message, status, body, retryAfter) {
    super(message);
    this.name = "HeadwaterError";
    this.status = status;
    this.body = body;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may do better later. */
  get isPassing() {
    return [0, 408, 429].includes(this.status) || (this.status >= 500 && this.status !== 501);
  }
}

/**
 * Start an answer. `request` is a request of the Gemini API with its `model`; `engine` and `on_break` may be in it too.
 * @param {object} request @param {Options} [options] @returns {Promise<Stream>}
 */
export async function start(request, options = {}) {
  const headers = { "content-type": "application/json", "idempotency-key": options.idempotencyKey ?? randomKey() };
  const call = { method: "POST", headers, body: JSON.stringify(request), signal: options.signal };
  const begun = await retried(options.retryFor ?? START_RETRY, options, () => fetchJson(PATH, call, options));
  return new Stream(begun.name, { ...options, after: options.after ?? 0 });
}

/** Read an answer that was started before, after its first `after` events. @param {string} id @param {Options} [options] */
export function attach(id, options = {}) {
  return new Stream(id, options);
}

/** Stop an answer; what there is of it stays. @param {string} id @param {Options} [options] @returns {Promise<any>} */
export function stop(id, options = {}) {
  const call = { method: "POST", signal: options.signal };
  const path = `${PATH}/${encodeURIComponent(id)}/stop`;
  return retried(options.retryFor ?? START_RETRY, options, () => fetchJson(path, call, options));
}

/** Return the text of a chunk, without thoughts. @param {any} chunk @returns {string} */
export function textOf(chunk) {
  const parts = chunk?.candidates?.[0]?.content?.parts ?? [];
  return parts.map((/** @type {any} */ part) => (part.thought ? "" : (part.text ?? ""))).join("");
}

/** A random key. @returns {string} */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** An answer: an async iterable of its events, each once and in order, across any number of connections. */
export class Stream {
  /** @param {string} id @param {Options} options */
  constructor(id, options) {
    this.id = id;
    /** How many events have been read. */
    this.after = options.after ?? 0;
    this.options = options;
  }

  /** Stop the answer on the server; the iteration ends with its last event. */
  stop() {
    return stop(this.id, this.options);
  }

  /** @returns {AsyncGenerator<StreamEvent>} */
  async *[Symbol.asyncIterator]() {
    const { onState, retryFor = Infinity } = this.options;
    const pauses = new Pauses(retryFor);
    while (true) {
      onState?.("connecting", {});
      try {
        for await (const event of this.#connection()) {
          pauses.reset();
          this.after = event.id;
          yield event;
          if (event.type !== "chunk") return;
        }
        if (this.isDone) return;
        await pauses.next(new HeadwaterError("The connection was lost.", 0), this.options);
      } catch (error) {
        if (!(error instanceof HeadwaterError) || !error.isPassing) throw error;
        await pauses.next(error, this.options);
      } finally {
        if (this.isDone) onState?.("done", {});
      }
    }
  }

  /** Whether the end has been read. */
  isDone = false;

  /** The events of one connection. @returns {AsyncGenerator<StreamEvent>} */
  async *#connection() {
    const attempt = new Attempt(this.options);
    try {
      const path = `${PATH}/${encodeURIComponent(this.id)}/events?after=${this.after}&every=${this.options.every ?? EVERY}`;
      const response = await attempt.guard(call(path, { signal: attempt.signal, cache: "no-store" }, this.options));
      if (response.status === 204) {
        this.isDone = true;
        return;
      }
      this.options.onState?.("open", {});
      const body = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
      const parser = new EventParser();
      for (let read; !(read = await attempt.guard(body.read())).done; ) {
        for (const event of parser.feed(read.value)) {
          if (event.id <= this.after) continue;
          if (event.id !== this.after + 1) return; // something is missing: ask for it again
          this.isDone = event.type !== "chunk";
          yield event;
        }
      }
    } finally {
      attempt.end();
    }
  }
}

/** One try to read: it is given up after silence, when the network comes back, or when the caller says so. */
class Attempt {
  /** @param {Options} options */
  constructor(options) {
    this.outer = options.signal;
    this.outer?.throwIfAborted();
    this.silence = (options.silence ?? SILENCE) * 1000;
    this.controller = new AbortController();
    this.signal = this.controller.signal;
    this.giveUp = () => this.controller.abort();
    this.heard = Date.now();
    this.watch = setInterval(() => Date.now() - this.heard > this.silence && this.giveUp(), this.silence / 4);
    this.outer?.addEventListener("abort", this.giveUp);
    globalThis.addEventListener?.("online", this.giveUp); // what was open before the network went is dead
    globalThis.addEventListener?.("offline", this.giveUp);
  }

  /** Wait for `promise`: the head, or more of the body. @template T @param {Promise<T>} promise @returns {Promise<T>} */
  async guard(promise) {
    try {
      return await promise;
    } catch (error) {
      this.outer?.throwIfAborted();
      throw error instanceof HeadwaterError ? error : new HeadwaterError("The connection was lost.", 0);
    } finally {
      this.heard = Date.now();
    }
  }

  end() {
    clearInterval(this.watch);
    this.outer?.removeEventListener("abort", this.giveUp);
    globalThis.removeEventListener?.("online", this.giveUp);
    globalThis.removeEventListener?.("offline", this.giveUp);
    this.controller.abort();
  }
}

/** The pauses between tries: longer and longer, cut short when the network comes back. */
class Pauses {
  failures = 0;
  spent = 0;

  /** @param {number} retryFor */
  constructor(retryFor) {
    this.retryFor = retryFor;
  }

  reset() {
    this.failures = 0;
    this.spent = 0;
  }

  /** Wait before the next try. Throws `error` when `retryFor` has elapsed. @param {HeadwaterError} error @param {Options} options */
  async next(error, options) {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.failures++);
    const seconds = error.retryAfter ?? longest * (0.5 + Math.random() / 2);
    this.spent += seconds;
    if (this.spent > this.retryFor) throw error;
    options.onState?.("waiting", { error, seconds });
    await pause(seconds, options.signal);
  }
}

/** Turns the bytes of an event stream into events. */
export class EventParser {
  #decoder = new TextDecoder();
  #rest = "";
  #id = 0;
  #type = "";
  /** @type {string[]} */
  #data = [];

  /** @param {Uint8Array} bytes @returns {Generator<StreamEvent>} */
  *feed(bytes) {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    const end = text.endsWith("\r") ? text.length - 1 : text.length; // the "\n" of a "\r\n" may be still to come
    const lines = text.slice(0, end).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() + text.slice(end);
    for (const line of lines) {
      if (line === "") yield* this.#finish();
      else this.#field(line);
    }
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id") this.#id = Number(value);
  }

  *#finish() {
    const data = this.#data.join("\n");
    const type = this.#type;
    this.#data = [];
    this.#type = "";
    if (data === "" || !["chunk", "failed", "end"].includes(type)) return; // of kinds that are not known yet: skip
    yield { id: this.#id, type: /** @type {StreamEvent["type"]} */ (type), data: JSON.parse(data) };
  }
}

/** One request of the server's API, with the key. @param {string} path @param {RequestInit} [settings] Those of `fetch`. @param {Options} [options] @returns {Promise<Response>} */
export async function call(path, settings = {}, options = {}) {
  const headers = new Headers(settings.headers);
  if (options.apiKey) headers.set("x-goog-api-key", options.apiKey);
  const response = await fetch((options.base ?? HOME) + path, { ...settings, headers });
  if (!response.ok) throw await refusal(response);
  return response;
}

/** @param {string} path @param {RequestInit} settings @param {Options} options @returns {Promise<any>} */
async function fetchJson(path, settings, options) {
  try {
    return await (await call(path, settings, options)).json();
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error instanceof HeadwaterError ? error : new HeadwaterError("The server cannot be reached.", 0);
  }
}

/** @param {Response} response @returns {Promise<HeadwaterError>} */
async function refusal(response) {
  const body = await response.json().catch(() => null);
  const message = body?.error?.message ?? `The server responded with ${response.status}.`;
  const after = Number(response.headers.get("retry-after") ?? NaN);
  return new HeadwaterError(message, response.status, body, Number.isFinite(after) ? after : undefined);
}

/** @template T @param {number} retryFor @param {Options} options @param {() => Promise<T>} work @returns {Promise<T>} */
async function retried(retryFor, options, work) {
  for (const pauses = new Pauses(retryFor); ; ) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof HeadwaterError) || !error.isPassing || error.status === 429) throw error;
      await pauses.next(error, options);
    }
  }
}

/** Wait; less if the network comes back. @param {number} seconds @param {AbortSignal} [signal] @returns {Promise<void>} */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(finish, seconds * 1000);
    function finish() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      globalThis.removeEventListener?.("online", finish);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    }
    signal?.addEventListener("abort", finish);
    globalThis.addEventListener?.("online", finish);
    if (signal?.aborted) finish();
  });
}
