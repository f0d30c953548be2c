// The page: the form, and which of form and conversation is shown. The address' fragment says which request;
// browsers keep fragments to themselves, so that its token reaches no server log.

import { ApiError, newKey, submit } from "./api.js";
import { Conversation, words } from "./conversation.js";
import { clean, left, limits, problemOf } from "./rules.js";

const $ = (id) => document.getElementById(id);
const FIELDS = ["name", "email", "subject", "category", "priority", "message"];
const COUNT_FROM = 500;
let conversation = null;
let attempt = { key: "", body: "" };

function prepare() {
  for (const field of FIELDS) {
    const control = $(field);
    const rule = limits(field);
    control.required = rule.required;
    if (rule.choices) {
      for (const value of rule.choices) control.add(new Option(words(value), value, value === rule.default, value === rule.default));
    }
    control.addEventListener("input", () => { if (control.getAttribute("aria-invalid")) check(field); });
    control.addEventListener("blur", () => { if (control.value.trim() !== "") check(field); });
  }
  $("message").addEventListener("input", countLeft);
  $("form").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  $("again").addEventListener("click", startOver);
  $("lost-again").addEventListener("click", startOver);
  $("copy").addEventListener("click", copyLink);
  window.addEventListener("hashchange", route);
}

function countLeft() {
  const rest = left("message", $("message").value);
  $("message-count").textContent =
    rest > COUNT_FROM ? "" : rest >= 0 ? `${rest.toLocaleString()} characters left` : `${(-rest).toLocaleString()} too many`;
}

function complain(field, problem) {
  const control = $(field);
  $(`${field}-problem`).textContent = problem;
  if (problem) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

function check(field) {
  const problem = problemOf(field, $(field).value);
  complain(field, problem);
  return problem === "";
}

function notice(text) {
  const box = $("form-problem");
  box.textContent = text;
  box.hidden = text === "";
}

async function send() {
  const button = $("send");
  if (button.getAttribute("aria-busy") === "true") return;
  notice("");
  const wrong = FIELDS.filter((field) => !check(field));
  if (wrong.length > 0) {
    $(wrong[0]).focus();
    return;
  }
  const body = Object.fromEntries(FIELDS.map((field) => [field, clean($(field).value)]));
  // The same content again is a repetition of the request that failed; other content is another request.
  if (attempt.body !== JSON.stringify(body)) attempt = { key: newKey(), body: JSON.stringify(body) };
  button.setAttribute("aria-busy", "true");
  try {
    show(await submit(body, attempt.key));
    $("form").reset();
    countLeft();
    attempt = { key: "", body: "" };
  } catch (error) {
    explain(error);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function explain(error) {
  const problems = (error instanceof ApiError ? error.problems : []).filter(({ field }) => FIELDS.includes(field));
  for (const { field, problem } of problems) complain(field, words(problem));
  if (problems.length > 0) $(problems[0].field).focus();
  else notice(error instanceof ApiError ? error.message : "Something went wrong. Please try again.");
}

function show(answer) {
  try {
    sessionStorage.setItem(`expected ${answer.ticket_id}`, answer.estimated_response_time);
  } catch {
    // Storage may be off; then only the expected time is not shown after a reload.
  }
  $("announce").textContent =
    `Request ${answer.ticket_id} received. Expected response within ${answer.estimated_response_time}.`;
  location.hash = new URLSearchParams({ ticket: answer.ticket_id, token: answer.access_token }).toString();
}

function expectedOf(ticket) {
  try {
    return sessionStorage.getItem(`expected ${ticket}`);
  } catch {
    return null;
  }
}

function only(id) {
  for (const section of ["ask", "talk", "lost"]) $(section).hidden = section !== id;
  $("again").hidden = id === "ask";
}

async function route() {
  conversation?.close();
  conversation = null;
  const fragment = new URLSearchParams(location.hash.slice(1));
  const ticket = fragment.get("ticket");
  const token = fragment.get("token");
  if (!ticket || !token) {
    only("ask");
    document.title = "TaskFlow Support";
    return;
  }
  const opened = new Conversation({ ticket, token, expected: expectedOf(ticket) });
  opened.onMoved = show;
  conversation = opened;
  try {
    await opened.open();
  } catch (error) {
    if (conversation !== opened) return;
    const unknown = error instanceof ApiError && error.status === 404;
    $("lost-text").textContent = unknown
      ? "The link may be incomplete. Please use the whole link that you got when you sent the request."
      : "Support does not answer right now. Please reload this page in a moment; your request is safe.";
    only("lost");
    $("lost-title").focus();
    return;
  }
  if (conversation !== opened) return;
  document.title = `${ticket} · TaskFlow Support`;
  only("talk");
  $("ticket").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function startOver() {
  history.pushState(null, "", location.pathname);
  route();
  $("name").focus();
}

async function copyLink() {
  const button = $("copy");
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy the address of this page";
  }
  setTimeout(() => { button.textContent = "Copy link"; }, 2500);
}

prepare();
route();
