// The support endpoints. A request that can be repeated carries its key, so that repeating it is safe.

export class ApiError extends Error {
  /** `kind`: "refused" by the server, "unreachable" or "busy". `problems`: [{field, problem}] of a refusal. */
  constructor(kind, status = 0, detail = "") {
    super(typeof detail === "string" ? detail : "");
    this.kind = kind;
    this.status = status;
    this.problems = Array.isArray(detail) ? detail : [];
  }
}

const RETRIES = 4;
const PAUSE_MS = 250;
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
  if (!response.ok) throw new ApiError(response.status >= 500 ? "busy" : "refused", response.status, body.detail);
  return body;
}

// No cookies, and no address of the page that embeds the form.
const request = (address, options) => fetch(address, { credentials: "omit", referrerPolicy: "no-referrer", ...options });

async function post(address, body, headers) {
  for (let attempt = 1; ; attempt += 1) {
    let response;
    try {
      response = await request(address, {
        method: "POST",
        headers,
        body,
      });
    } catch {
      if (attempt >= RETRIES) throw new ApiError("unreachable");
      await pause(400 * 2 ** attempt);
      continue;
    }
    const again = response.status >= 500 || response.status === 429;
    if (again && attempt < RETRIES) {
      const seconds = Number(response.headers.get("Retry-After")) || 0;
      await pause(Math.max(400 * 2 ** attempt, Math.min(seconds, 10) * 1000));
      continue;
    }
    if (again) throw new ApiError("busy", response.status);
    return read(response);
  }
}

const JSON_TYPE = { "Content-Type": "application/json" };
const BYTES_TYPE = { "Content-Type": "application/octet-stream" };
const bearer = (token) => ({ Authorization: `Bearer ${token}` });

export class SupportApi {
  #base;

  /** `base`: the address of the support page, which ends with a slash. */
  constructor(base) {
    this.#base = base;
  }

  submit(body, key) {
    const headers = { ...JSON_TYPE, "Idempotency-Key": key };
    return post(new URL("support/submit", this.#base), JSON.stringify(body), headers);
  }

  /** One request's endpoints, for the holder of its token. */
  ticket({ ticket, token }) {
    return new TicketApi(new URL(`support/ticket/${encodeURIComponent(ticket)}`, this.#base).href, token);
  }
}

class TicketApi {
  #address;
  #token;

  constructor(address, token) {
    this.#address = address;
    this.#token = token;
  }

  writeOn(message, key) {
    const headers = { ...bearer(this.#token), ...JSON_TYPE, "Idempotency-Key": key };
    return post(`${this.#address}/messages`, JSON.stringify({ message }), headers);
  }

  /** Says whether a resolved request is solved; the same answer again changes nothing. */
  answerSurvey(solved, comment) {
    return post(`${this.#address}/survey`, JSON.stringify({ solved, comment }), { ...bearer(this.#token), ...JSON_TYPE });
  }

  /** Adds a file; the same one again is the same attachment, so that this can be repeated too. */
  attach(file) {
    const name = encodeURIComponent(file.name); // in a header, because addresses are what logs keep
    return post(`${this.#address}/attachments`, file, { ...bearer(this.#token), ...BYTES_TYPE, "X-File-Name": name });
  }

  async attachments(signal) {
    return (await this.#get("/attachments", signal)).attachments;
  }

  /** A file's bytes. */
  async download({ attachment_id: id }) {
    const response = await request(`${this.#address}/attachments/${id}`, { headers: bearer(this.#token) });
    if (!response.ok) await read(response);
    return response.blob();
  }

  read(signal) {
    return this.#get("", signal);
  }

  async #get(path, signal) {
    const options = { headers: bearer(this.#token), cache: "no-store", signal };
    try {
      return await read(await request(this.#address + path, options));
    } catch (error) {
      throw error instanceof ApiError ? error : new ApiError("unreachable");
    }
  }

  /** Reads one stream of events until the server ends it; calls `onEvent({event, id, data})` for each. */
  async #readEvents(lastId, onEvent, signal) {
    const headers = { Accept: "text/event-stream", ...bearer(this.#token) };
    if (lastId) headers["Last-Event-ID"] = lastId;
    const response = await request(`${this.#address}/events`, { headers, cache: "no-store", signal });
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
  async follow(onChange, signal) {
    let lastId = "";
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#readEvents(lastId, (event) => {
          if (event.id) lastId = event.id;
          failures = 0;
          onChange();
        }, signal);
        failures = 0;
        await pause(PAUSE_MS, signal); // a server that is going away ends each stream at once
      } catch (error) {
        if (signal.aborted || error.status === 404) return;
        failures += 1;
        await pause(failures > 1 ? 3000 : 500, signal);
        if (!signal.aborted) onChange();
      }
    }
  }
}
