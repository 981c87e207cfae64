// What the page makes of chats without a browser: growing contents, the tree of messages, the days of the list.
import assert from "node:assert/strict";
import { test } from "node:test";
import { grow, textIn } from "../src/contents.js";
import { dayWords } from "../src/days.js";
import { branches, leafBelow, path } from "../src/store.js";

const chunk = (...parts) => ({ candidates: [{ content: { role: "model", parts } }] });
const message = (id, parent, more = {}) => ({ id, parent, role: "model", state: "done", created: "", contents: [], ...more });
const tree = (...pairs) => new Map(pairs.map(([id, parent]) => [id, message(id, parent)]));

test("text grows in one part, thoughts in another, and what is neither stands between", () => {
  const answer = message("a", null, { state: "running" });
  const call = { functionCall: { name: "f", args: {} } };
  for (const part of [{ text: "hm", thought: true }, { text: " so", thought: true }, { text: "A" }, { text: "B" }, call, { text: "C" }]) {
    grow(answer, chunk(part));
  }
  assert.deepEqual(answer.contents, [
    { role: "model", parts: [{ text: "hm so", thought: true }, { text: "AB" }, call, { text: "C" }] },
  ]);
  assert.equal(textIn(answer), "ABC");
});

test("a part with a signature stays by itself, and chunks are not changed", () => {
  const answer = message("a", null, { state: "running" });
  const first = chunk({ text: "A" });
  grow(answer, first);
  grow(answer, chunk({ text: "B", thoughtSignature: "s" }));
  grow(answer, chunk({ text: "C" }));
  assert.deepEqual(answer.contents[0].parts, [{ text: "A" }, { text: "B", thoughtSignature: "s" }, { text: "C" }]);
  assert.deepEqual(first, chunk({ text: "A" }));
});

test("an answer that goes on after the results of its calls has them before it", () => {
  const results = { role: "user", parts: [{ functionResponse: { name: "f", response: {} } }] };
  const answer = message("a", null, { state: "running", contents: [results] });
  grow(answer, { ...chunk({ text: "Done." }), usageMetadata: { totalTokenCount: 3 } });
  grow(answer, { candidates: [{ finishReason: "STOP" }] });
  assert.deepEqual(answer.contents, [results, { role: "model", parts: [{ text: "Done." }] }]);
  assert.deepEqual([answer.usage, answer.finish_reason], [{ totalTokenCount: 3 }, "STOP"]);
});

test("a branch is the way from the first message to the leaf, however it is tied", () => {
  const all = tree(["a", null], ["b", "a"], ["c", "a"], ["d", "c"]);
  const ids = (leaf) => path(all, leaf).map(({ id }) => id);
  assert.deepEqual([ids("d"), ids("b"), ids("gone"), ids(null)], [["a", "c", "d"], ["a", "b"], [], []]);
  assert.deepEqual(branches(all)(all.get("b")).map(({ id }) => id), ["b", "c"]);
  assert.deepEqual([leafBelow(all, "a"), leafBelow(all, "b")], ["d", "b"]);
  const ring = tree(["a", "b"], ["b", "a"]);
  assert.deepEqual(path(ring, "a").map(({ id }) => id), ["b", "a"]);
});

test("days are counted by the calendar, months have their year if it is another", () => {
  const day = dayWords(new Date(2026, 2, 3, 0, 30));
  const said = [
    [2026, 2, 4], [2026, 2, 3], [2026, 2, 2, 23, 59], [2026, 2, 1], [2026, 1, 24], [2026, 1, 23], [2026, 1, 1], [2026, 0, 31], [2025, 11, 31],
  ].map((when) => day(new Date(...when)));
  assert.deepEqual(said, ["Today", "Today", "Yesterday", "Last 7 days", "Last 7 days", "Last 30 days", "Last 30 days", "January", "December 2025"]);
});
