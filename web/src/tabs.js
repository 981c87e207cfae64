// Other tabs, and coming back: when to look whether the server has something new.
const channel = new BroadcastChannel("headwater");
const SOON = 150;

/** @typedef {{ chat: string, isGone?: boolean }} Change */

/** Tell the other tabs of this browser that a chat has changed. @param {Change} change */
export function tell(change) {
  channel.postMessage(change);
}

/** @param {(change: Change) => void} changed */
export function onTold(changed) {
  channel.addEventListener("message", ({ data }) => changed(data));
}

/** Call `back` when the page is looked at again, or has the network again. @param {() => void} back */
export function onReturn(back) {
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    timer = window.setTimeout(back, SOON);
  };
  addEventListener("focus", soon);
  addEventListener("online", soon);
  addEventListener("pageshow", ({ persisted }) => persisted && soon());
  document.addEventListener("visibilitychange", () => document.hidden || soon());
}
