// Requests to the desk's interface. The session is a cookie that this script cannot read; what changes something also
// carries the token that the session's answer gave.

const AWAY = "The server cannot be reached. What you wrote is kept; try again.";

let csrfToken = "";

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function signIn(name, key) {
  return remember(await send("POST", "/desk/session", { name, key }));
}

export async function readSession() {
  return remember(await send("GET", "/desk/session"));
}

export async function signOut() {
  await send("DELETE", "/desk/session");
  csrfToken = "";
}

export async function fetchEscalations(statuses) {
  const query = new URLSearchParams(statuses.map((status) => ["status", status]));
  return (await send("GET", `/escalations?${query}`)).escalations;
}

export const fetchQuarantined = async () => (await send("GET", "/quarantine")).quarantined;
export const fetchConversation = (id) => send("GET", `/conversations/${id}`);
export const findTicket = (ticketId) => send("GET", `/tickets/${encodeURIComponent(ticketId)}`);
export const findCustomer = (kind, value) => send("GET", `/customers/lookup?${new URLSearchParams([[kind, value]])}`);

export const take = (id, insteadOf) => send("POST", `/conversations/${id}/take`, insteadOf ? { instead_of: insteadOf } : {});
export const reply = (id, message, key) => send("POST", `/conversations/${id}/reply`, { message }, { "Idempotency-Key": key });
export const handBack = (id, note) => send("POST", `/conversations/${id}/hand-back`, { note });
export const resolve = (id, note) => send("POST", `/conversations/${id}/resolve`, { note });
export const release = (id) => send("POST", `/quarantine/${id}/release`, {});
export const discard = (id) => send("POST", `/quarantine/${id}/discard`, {});
export const triage = (id, changes) => send("POST", `/conversations/${id}/triage`, changes);

function remember(session) {
  csrfToken = session.csrf_token;
  return session;
}

async function send(method, path, body, headers = {}) {
  const request = { method, headers: { ...headers }, cache: "no-store", credentials: "same-origin" };
  if (method !== "GET") request.headers["X-CSRF-Token"] = csrfToken;
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new ApiError(0, AWAY);
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, toSentence(answer?.detail, response.status));
  // An answer that breaks off is as good as none: the server may have done what it was asked.
  if (answer === null && response.status !== 204) throw new ApiError(0, AWAY);
  return answer;
}

function toSentence(detail, status) {
  if (Array.isArray(detail)) return detail.map(({ field, problem }) => `${field}: ${problem}`).join("; ");
  if (typeof detail === "string" && detail) return detail[0].toUpperCase() + detail.slice(1);
  return `The server answered ${status}.`;
}
