// headwater.js against a server that breaks off, stalls and refuses. Run by `npm test`; needs nothing but Node.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { EventParser, HeadwaterError, attach, start, stop, textOf } from "../src/headwater.js";

const says = (text) => ({ candidates: [{ content: { parts: [{ text }] } }] });
const frame = (id, type, data) => `id: ${id}\r\nevent: ${type}\r\ndata: ${JSON.stringify(data)}\r\n\r\n`;

/** Serve requests with `script(request, response, body)`, and return what `work(base, requests)` does. */
async function served(script, work) {
  const requests = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => (body += piece));
    request.on("end", () => {
      requests.push({ method: request.method, url: request.url, headers: request.headers, body });
      script(request, response, requests.length);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await work(`http://127.0.0.1:${server.address().port}`, requests);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function read(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

test("an event is the same however its bytes are cut", () => {
  const bytes = new TextEncoder().encode(
    `: hello\r\n${frame(1, "chunk", says("naïve 🙂"))}\r\n\nid: 2\revent: later\rdata: {}\r\r${frame(3, "end", {})}`,
  );
  for (let size = 1; size <= bytes.length; size++) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < bytes.length; at += size) events.push(...parser.feed(bytes.subarray(at, at + size)));
    assert.deepEqual(events.map((event) => [event.id, event.type]), [[1, "chunk"], [3, "end"]], `pieces of ${size}`);
    assert.equal(textOf(events[0].data), "naïve 🙂");
  }
});

test("an answer that breaks off again and again comes whole, each event once", async () => {
  const all = [1, 2, 3, 4, 5].map((id) => frame(id, "chunk", says(`w${id} `))).concat(frame(6, "end", {}));
  await served(
    (request, response, count) => {
      if (request.method === "POST") return response.writeHead(201).end('{"name":"abc"}');
      if (count === 3) return response.writeHead(503).end("{}");
      const after = Number(new URL(request.url, "http://x").searchParams.get("after"));
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(all.slice(Math.max(0, after - 1), after + 2).join("")); // one event twice
      setTimeout(() => response.destroy(), 20);
    },
    async (base, requests) => {
      const states = [];
      const stream = await start({ model: "m", contents: [] }, { base, apiKey: "k", onState: (state) => states.push(state) });
      const events = await read(stream);
      assert.deepEqual(events.map((event) => event.id), [1, 2, 3, 4, 5, 6]);
      assert.ok(states.includes("waiting"));
      assert.equal(states.at(-1), "done");
      assert.ok(requests.every((request) => request.headers["x-goog-api-key"] === "k"));
    },
  );
});

test("a start whose answer was lost is sent again under the same key", async () => {
  await served(
    (request, response, count) => (count === 1 ? response.destroy() : response.writeHead(200).end('{"name":"abc"}')),
    async (base, requests) => {
      assert.equal((await start({ model: "m" }, { base })).id, "abc");
      assert.equal(requests.length, 2);
      assert.equal(requests[0].headers["idempotency-key"], requests[1].headers["idempotency-key"]);
      assert.deepEqual(JSON.parse(requests[0].body), { model: "m" });
    },
  );
});

test("a refusal that will not pass is thrown with its words, at once", async () => {
  await served(
    (_, response) => response.writeHead(404).end('{"error":{"message":"there is no such stream"}}'),
    async (base, requests) => {
      await assert.rejects(read(attach("x", { base })), { name: "HeadwaterError", status: 404, message: "there is no such stream" });
      assert.equal(requests.length, 1);
    },
  );
});

test("too many requests: a start says so, reading waits as long as it is told", async () => {
  await served(
    (request, response, count) => {
      if (count <= 2) return response.writeHead(429, { "retry-after": "0" }).end("{}");
      response.writeHead(200).end(frame(1, "end", {}));
    },
    async (base, requests) => {
      await assert.rejects(start({}, { base }), { status: 429 });
      assert.equal((await read(attach("x", { base }))).length, 1);
      assert.equal(requests.length, 3);
    },
  );
});

test("silence counts as a break", async () => {
  await served(
    (_, response, count) => {
      response.writeHead(200).write(frame(1, "chunk", says("a")));
      if (count > 1) response.end(frame(2, "end", {}));
    },
    async (base, requests) => {
      const events = await read(attach("x", { base, silence: 0.2 }));
      assert.deepEqual(events.map((event) => event.id), [1, 2]);
      assert.equal(new URL(requests[1].url, base).searchParams.get("after"), "1");
    },
  );
});

test("an end that is known already ends the iteration", async () => {
  await served(
    (_, response) => response.writeHead(204).end(),
    async (base) => assert.deepEqual(await read(attach("x", { base, after: 7 })), []),
  );
});

test("an AbortSignal ends the reading, also while it waits", async () => {
  await served(
    (_, response, count) => (count === 1 ? response.writeHead(200).write(frame(1, "chunk", says("a"))) : response.destroy()),
    async (base) => {
      const reading = new AbortController();
      await assert.rejects(
        (async () => {
          for await (const event of attach("x", { base, signal: reading.signal })) if (event.id === 1) reading.abort();
        })(),
        { name: "AbortError" },
      );
      const waiting = new AbortController();
      const onState = (state) => state === "waiting" && waiting.abort();
      await assert.rejects(read(attach("x", { base, signal: waiting.signal, onState })), { name: "AbortError" });
    },
  );
});

test("retryFor ends: a server that is not there is an error with status 0", async () => {
  const base = await served(() => {}, (url) => url);
  await assert.rejects(read(attach("x", { base, retryFor: 0.3 })), (error) => error instanceof HeadwaterError && error.status === 0);
});

test("stop asks for the end", async () => {
  await served(
    (_, response) => response.writeHead(200).end('{"state":"cancelled"}'),
    async (base, requests) => {
      assert.deepEqual(await stop("a/b", { base }), { state: "cancelled" });
      assert.equal(requests[0].url, "/v1/streams/a%2Fb/stop");
    },
  );
});
