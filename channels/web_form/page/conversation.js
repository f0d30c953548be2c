// One request's conversation: shows it, follows it, and sends what the customer writes on.

import { ApiError, follow, newKey, readTicket, writeOn } from "./api.js";
import { clean, problemOf } from "./rules.js";

const $ = (id) => document.getElementById(id);
const STATUS = {
  open: "Received",
  in_progress: "In progress",
  escalated: "With our team",
  resolved: "Resolved",
  closed: "Closed",
};
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const LINK = /https?:\/\/[^\s<>"'()[\]]*[^\s<>"'()[\].,;:!?]/g;

export const words = (value) => value.charAt(0).toUpperCase() + value.slice(1).replaceAll("_", " ");

/** A point in time; of today the time of day is enough. */
const when = (text) => {
  const at = new Date(text);
  return (at.toDateString() === new Date().toDateString() ? clock : calendar).format(at);
};

const element = (name, className, text) => {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

/** Text with its web addresses as links; made of text nodes only, so that nothing in it is ever markup. */
function linked(text) {
  const parts = document.createDocumentFragment();
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    parts.append(text.slice(from, match.index));
    const link = element("a", "", match[0]);
    link.href = match[0];
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    parts.append(link);
    from = match.index + match[0].length;
  }
  parts.append(text.slice(from));
  return parts;
}

function bubble(message) {
  const mine = message.direction === "inbound";
  const item = element("li", mine ? "mine" : "theirs");
  const head = element("p", "who");
  head.append(element("span", "", mine ? "You" : "TaskFlow Support"));
  const stamp = element("time", "", when(message.created_at));
  stamp.dateTime = message.created_at;
  head.append(stamp);
  const body = element("div", "text");
  body.append(mine ? message.body : linked(message.body));
  item.append(head, body);
  return item;
}

const same = (a, b) => a && a.direction === b.direction && a.created_at === b.created_at && a.body === b.body;

export class Conversation {
  constructor({ ticket, token, expected }) {
    this.ticket = ticket;
    this.token = token;
    this.expected = expected;
    this.shown = [];
    this.stopper = new AbortController();
    this.pending = { key: "", text: "" };
  }

  /** Shows the conversation and follows it. Throws ApiError when it cannot be opened. */
  async open() {
    const view = await readTicket(this.ticket, this.token, this.stopper.signal);
    this.render(view);
    $("composer").onsubmit = (event) => { event.preventDefault(); this.write(); };
    follow(this.ticket, this.token, () => this.refresh(), this.stopper.signal);
  }

  close() {
    this.stopper.abort();
    $("composer").onsubmit = null;
    $("thread").replaceChildren();
  }

  /** Reads the ticket anew; calls that come while one is under way are answered by one more. */
  async refresh() {
    this.wanted = true;
    if (this.reading) return;
    this.reading = true;
    try {
      while (this.wanted && !this.stopper.signal.aborted) {
        this.wanted = false;
        this.render(await readTicket(this.ticket, this.token, this.stopper.signal));
      }
    } catch {
      // The next event or look tries again.
    } finally {
      this.reading = false;
    }
  }

  render(view) {
    $("ticket").textContent = view.ticket_id;
    const status = $("status");
    const answered = ["open", "in_progress"].includes(view.status) && view.messages.at(-1)?.direction === "outbound";
    status.textContent = answered ? "Answered" : STATUS[view.status] ?? words(view.status);
    status.dataset.status = view.status;
    status.classList.toggle("good", answered || ["resolved", "closed"].includes(view.status));
    $("expected-fact").hidden = !this.expected;
    $("expected").textContent = this.expected ? `within ${this.expected}` : "";
    $("fact-category").textContent = words(view.category);
    $("fact-priority").textContent = words(view.priority);
    $("fact-created").textContent = when(view.created_at);
    this.renderThread(view.messages);
    this.renderWaiting(view);
  }

  renderThread(messages) {
    const thread = $("thread");
    const first = this.shown.length === 0;
    if (!this.shown.every((message, index) => same(messages[index], message))) {
      thread.replaceChildren();
      this.shown = [];
    }
    const fresh = messages.slice(this.shown.length).map(bubble);
    thread.append(...fresh);
    this.shown = messages;
    if (!first) fresh.at(-1)?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  renderWaiting(view) {
    const waiting = $("waiting");
    const asked = view.messages.at(-1)?.direction === "inbound";
    const texts = {
      open: asked ? "Working on your answer" : "",
      in_progress: asked ? "Working on your answer" : "",
      escalated: "A member of our team has your request and will answer here.",
      resolved: "This request is resolved. Write again if you need anything else.",
      closed: "This request is closed. Write again if you need anything else.",
    };
    const text = texts[view.status] ?? "";
    if (waiting.textContent !== text) waiting.textContent = text;
    waiting.classList.toggle("busy", text !== "" && asked && !["escalated", "resolved", "closed"].includes(view.status));
  }

  async write() {
    const box = $("more");
    const problem = problemOf("message", box.value);
    this.complain(problem);
    if (problem) return;
    const text = clean(box.value);
    // The same text again is a repetition of the request that failed, not a second message.
    if (this.pending.text !== text) this.pending = { key: newKey(), text };
    const button = $("write");
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await writeOn(this.ticket, this.token, text, this.pending.key);
      this.pending = { key: "", text: "" };
      box.value = "";
      if (answer.ticket_id !== this.ticket) {
        this.onMoved?.(answer);
        return;
      }
      await this.refresh();
    } catch (error) {
      this.complain(error instanceof ApiError ? error.problems[0]?.problem ?? error.message : "Something went wrong. Please try again.");
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  complain(problem) {
    const box = $("more");
    $("more-problem").textContent = problem;
    if (problem) {
      box.setAttribute("aria-invalid", "true");
      box.focus();
    } else {
      box.removeAttribute("aria-invalid");
    }
  }
}
