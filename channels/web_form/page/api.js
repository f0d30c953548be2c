// The support endpoints. A request that can be repeated carries its key, so that repeating it is safe.

export class ApiError extends Error {
  constructor(status, detail) {
    super(typeof detail === "string" ? detail : "The request was refused.");
    this.status = status;
    this.problems = Array.isArray(detail) ? detail : [];
  }
}

const RETRIES = 4;
const pause = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });

/** A new Idempotency-Key. crypto.randomUUID exists on secure origins only. */
export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function read(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, body.detail);
  return body;
}

async function post(path, body, headers) {
  for (let attempt = 1; ; attempt += 1) {
    let response;
    try {
      response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    } catch (error) {
      if (attempt >= RETRIES) throw new ApiError(0, "We cannot reach the server. Please check your connection and try again.");
      await pause(400 * 2 ** attempt);
      continue;
    }
    const again = response.status >= 500 || response.status === 429;
    if (again && attempt < RETRIES) {
      const seconds = Number(response.headers.get("Retry-After")) || 0;
      await pause(Math.max(400 * 2 ** attempt, Math.min(seconds, 10) * 1000));
      continue;
    }
    if (again) throw new ApiError(response.status, "Support is busy right now. Please try again in a moment; nothing is sent twice.");
    return read(response);
  }
}

const path = (ticket) => `/support/ticket/${encodeURIComponent(ticket)}`;
const bearer = (token) => ({ Authorization: `Bearer ${token}` });

export const submit = (body, key) => post("/support/submit", body, { "Idempotency-Key": key });

export const writeOn = (ticket, token, message, key) =>
  post(`${path(ticket)}/messages`, { message }, { ...bearer(token), "Idempotency-Key": key });

export const readTicket = async (ticket, token, signal) =>
  read(await fetch(path(ticket), { headers: bearer(token), cache: "no-store", signal }));

/** Reads one stream of events until the server ends it; calls `onEvent({event, id, data})` for each. */
async function readEvents(ticket, token, lastId, onEvent, signal) {
  const headers = { Accept: "text/event-stream", ...bearer(token) };
  if (lastId) headers["Last-Event-ID"] = lastId;
  const response = await fetch(`${path(ticket)}/events`, { headers, cache: "no-store", signal });
  if (!response.ok) await read(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    buffer += value;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const event = { event: "message", id: "", data: "" };
      for (const line of block.split("\n")) {
        const at = line.indexOf(":");
        if (at > 0) event[line.slice(0, at)] = line.slice(at + 1).trimStart();
      }
      if (event.data) onEvent(event);
    }
  }
}

/**
 * Calls `onChange` whenever there may be something new, until `signal` aborts: by server-sent events, and by
 * asking every few seconds while they cannot be had. The token travels in a header, so not by EventSource.
 */
export async function follow(ticket, token, onChange, signal) {
  let lastId = "";
  let failures = 0;
  while (!signal.aborted) {
    try {
      await readEvents(ticket, token, lastId, (event) => {
        if (event.id) lastId = event.id;
        failures = 0;
        onChange();
      }, signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted || error.status === 404) return;
      failures += 1;
      await pause(failures > 1 ? 3000 : 500, signal);
      if (!signal.aborted) onChange();
    }
  }
}
