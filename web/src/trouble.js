// What went wrong, in words: what happened, and what to do.

/** @type {Record<string, string[]>} */
const WORDS = {
  400: ["The model refused the request.", "Change the message or the settings, and send it again."],
  401: ["This server needs an API key.", "Enter yours in Settings, then try again."],
  403: ["The server does not allow this.", "Check the API key in Settings."],
  404: ["The server does not have this model.", "Choose another one above, then try again."],
  413: ["The message is too large for the server.", "Send fewer or smaller files."],
  429: ["Too many requests.", "Wait a moment, then try again."],
  503: ["The model cannot be reached right now.", "Try again in a moment."],
  504: ["The model took too long.", "Try again, or ask for less."],
};
/** @type {Record<string, string[]>} */
const REASONS = {
  FORGOTTEN: ["The server no longer has the rest of this answer.", "The part received is kept. Try again for a new answer."],
  LOST: ["The server stopped in the middle of this answer.", "The part received is kept. Try again for a new answer."],
};
/** @type {Record<string, string>} */
const FINISHES = {
  MAX_TOKENS: "Stopped at the output limit (Settings).",
  SAFETY: "The model stopped here: its safety filter was triggered.",
  RECITATION: "The model stopped here: the text is too close to a source.",
};

/**
 * @param {{ status: number, message: string, reason?: string }} error
 * @returns {{ title: string, advice: string, detail: string }}
 */
export function explained({ status, message, reason }) {
  const known = REASONS[reason ?? ""] ?? WORDS[status] ?? otherwise(status);
  return { title: known[0], advice: known[1], detail: known[0].startsWith(message) ? "" : message };
}

/** An error as Google writes it, in what `explained` takes. @param {any} error @returns {{ status: number, message: string, reason?: string }} */
export function errorOf(error) {
  const reason = error?.details?.find((/** @type {any} */ detail) => detail.reason)?.reason;
  return { status: error?.code ?? 500, message: error?.message ?? "", reason };
}

/** What to say of a reason that the model gave for its end. @param {string} reason */
export function finishWords(reason) {
  return FINISHES[reason] ?? `The model stopped here (${reason}).`;
}

/** @param {number} status */
function otherwise(status) {
  if (status === 0) return ["The server cannot be reached.", "Check that it is running and that you are online, then try again."];
  if (status >= 500) return ["The server failed.", "Try again. If that does not help, see the server's log."];
  return ["Something went wrong.", "Try again, or reload the page."];
}
