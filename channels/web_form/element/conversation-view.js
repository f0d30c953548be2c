// One request's conversation: shows it, follows it, and sends what the customer writes on.

import { newKey } from "./api.js";
import { busyButton, h, isBusy, linked, setBusy } from "./dom.js";
import { FileChooser } from "./files.js";
import { explanation } from "./form-view.js";
import { clean, problemOf } from "./rules.js";
import { SurveyPanel } from "./survey-panel.js";

const OPEN = ["open", "in_progress"];
const AFTER_TROUBLE_MS = 3000;
const same = (a, b) => a && a.direction === b.direction && a.created_at === b.created_at && a.body === b.body;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class ConversationView {
  name = "conversation";
  #texts;
  #api;
  #options;
  #stopper = new AbortController();
  #shown = [];
  #pending = { key: "", text: "" };
  #reading = false;
  #wanted = false;
  #later;
  #lists = 0;

  /**
   * `api`: the ticket's endpoints. `link`: the address that opens this conversation again. `expected`: the expected
   * time of an answer or "". `onMoved(answer, files)`: what was written began a new conversation. `onAgain()`: a new request.
   */
  constructor(options) {
    this.#options = options;
    this.#texts = options.texts;
    this.#api = options.api;
    this.node = this.#build(options);
  }

  /** Shows the conversation and follows it. Raises ApiError when it cannot be opened. */
  async open() {
    this.#render(await this.#api.read(this.#stopper.signal));
    await this.#list();
    this.#api.follow(() => this.refresh(), this.#stopper.signal);
  }

  state() {
    return { draft: this.#box.value, pending: this.#pending, files: this.#chooser.list, comment: this.#survey.comment };
  }

  /** Takes over what is being written in the view that this one replaces, also when that one is sending it. */
  restore({ draft, pending, files, comment }) {
    this.#box.value = draft;
    this.#pending = pending;
    this.#chooser.list = files;
    this.#survey.comment = comment;
  }

  focus() {
    this.#heading.focus({ preventScroll: true });
  }

  close() {
    this.#stopper.abort();
  }

  /** Reads the ticket anew; calls that come while one is under way are answered by one more. */
  async refresh() {
    this.#wanted = true;
    if (this.#reading || this.#stopper.signal.aborted) return;
    clearTimeout(this.#later);
    this.#reading = true;
    try {
      while (this.#wanted && !this.#stopper.signal.aborted) {
        this.#wanted = false;
        this.#render(await this.#api.read(this.#stopper.signal));
      }
    } catch (error) {
      // What was told and could not be read is read a little later; the next event may be long in coming.
      if (error.status !== 404) this.#later = setTimeout(() => this.refresh(), AFTER_TROUBLE_MS);
    } finally {
      this.#reading = false;
    }
  }

  /** Sends files one by one; what cannot be sent is said, and the others still go. */
  async attach(files) {
    const problems = [];
    for (const file of files) {
      this.#waiting.textContent = this.#texts.get("files.sending", { name: file.name });
      try {
        await this.#api.attach(file);
      } catch (error) {
        problems.push(this.#texts.get(error.kind === "refused" ? "files.failed" : "files.away", { name: file.name }));
      }
    }
    if (files.length === 0 || this.#stopper.signal.aborted) return;
    await this.#list().catch(() => {}); // what was listed still stands
    if (problems.length > 0) this.#complain(problems.join(" "));
    await this.refresh();
  }

  #heading;
  #status;
  #facts = {};
  #thread;
  #waiting;
  #attached;
  #survey;
  #chooser;
  #box;
  #problem;
  #button;

  #build({ level, ticket, onAgain }) {
    const t = (key, values) => this.#texts.get(key, values);
    const quiet = { type: "button", class: "quiet", part: "secondary-button" };
    this.#heading = h(`h${level}`, { id: "ticket", class: "title", part: "heading", tabindex: "-1", dir: "ltr" }, ticket);
    this.#status = h("p", { class: "pill", id: "status", part: "status" });
    this.#thread = h("ol");
    const log = { class: "thread", id: "thread", role: "log", "aria-live": "polite", "aria-label": t("talk.log") };
    this.#waiting = h("p", { class: "waiting", id: "waiting", role: "status" });
    this.#box = h("textarea", { id: "more", name: "message", rows: 3, dir: "auto", part: "input", "aria-describedby": "more-problem" });
    this.#attached = h("ul", { class: "attached", id: "attached", "aria-label": t("files.list"), hidden: true });
    this.#chooser = new FileChooser(this.#texts, "more-files");
    this.#survey = new SurveyPanel({
      texts: this.#texts, level: Math.min(level + 1, 6), answer: (solved, comment) => this.#api.answerSurvey(solved, comment),
      announce: this.#options.announce, onAnswered: (kept) => this.#surveyed(kept),
    });
    this.#problem = h("p", { class: "problem", id: "more-problem", role: "alert", part: "error" });
    this.#button = busyButton("write", t("talk.send"));
    const copy = h("button", { ...quiet, id: "copy", onclick: () => this.#copy(copy) }, t("talk.copy"));
    return h(
      "section", { class: "talk card", part: "card", "aria-labelledby": "ticket" },
      h("div", { class: "talk-head" }, h("div", {}, h("p", { class: "eyebrow" }, t("talk.title")), this.#heading), this.#status),
      h(
        "dl", { class: "facts" },
        this.#fact("expected"), this.#fact("category"), this.#fact("priority"), this.#fact("sent"),
      ),
      h(
        "div", { class: "keep" }, h("p", {}, t("talk.keep")),
        h("div", { class: "buttons" }, copy, h("button", { ...quiet, id: "again", onclick: onAgain }, t("talk.again"))),
      ),
      h("div", log, this.#thread),
      this.#attached,
      this.#waiting,
      this.#survey.node,
      h(
        "form", { class: "composer", id: "composer", novalidate: true, onsubmit: (event) => this.#write(event) },
        h("div", { class: "field" }, h("label", { for: "more", part: "label" }, t("talk.write")), this.#box, this.#problem),
        this.#chooser.node,
        this.#button,
      ),
    );
  }

  #fact(name) {
    this.#facts[name] = h("dd", {});
    return h("div", {}, h("dt", {}, this.#texts.get(`talk.${name}`)), this.#facts[name]);
  }

  async #surveyed(kept) {
    if (kept?.solved === false) this.focus(); // the question goes, and the focus must not go with it
    await this.refresh();
  }

  #render(view) {
    const answered = OPEN.includes(view.status) && view.messages.at(-1)?.direction === "outbound";
    const status = answered ? "answered" : view.status;
    this.#status.textContent = this.#texts.get(`status.${status}`);
    this.#status.dataset.status = status;
    this.#renderExpected(view.expected_by);
    this.#facts.category.textContent = this.#texts.get(`category.${view.category}`);
    this.#facts.priority.textContent = this.#texts.get(`priority.${view.priority}`);
    this.#facts.sent.textContent = this.#texts.when(view.created_at);
    this.#renderThread(view.messages);
    this.#renderWaiting(view.status, answered);
    this.#survey.show(view.survey);
  }

  /** The time that was told when it was sent; while it is with a person, when that one should have answered. */
  #renderExpected(by) {
    const { expected } = this.#options;
    const within = expected ? this.#texts.get("talk.within", { time: this.#texts.duration(expected) }) : "";
    const fact = this.#facts.expected;
    fact.textContent = by ? this.#texts.get("talk.by", { time: this.#texts.when(by) }) : within;
    fact.parentElement.hidden = fact.textContent === "";
  }

  #renderThread(messages) {
    const first = this.#shown.length === 0;
    if (!this.#shown.every((message, index) => same(messages[index], message))) {
      this.#thread.replaceChildren();
      this.#shown = [];
    }
    const fresh = messages.slice(this.#shown.length).map((message) => this.#bubble(message));
    this.#thread.append(...fresh);
    this.#shown = messages;
    if (!first) fresh.at(-1)?.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  }

  #bubble(message) {
    const mine = message.direction === "inbound";
    const who = mine ? this.#texts.get("talk.you") : this.#options.team || this.#texts.get("talk.team");
    const stamp = h("time", { datetime: message.created_at }, this.#texts.when(message.created_at));
    return h(
      "li", { class: mine ? "mine" : "theirs" },
      h("p", { class: "who" }, h("span", {}, who), stamp),
      h("div", { class: "text", dir: "auto", part: mine ? "message own-message" : "message reply" }, mine ? message.body : linked(message.body)),
    );
  }

  /** Reads the list of files anew. Of several readings the latest counts, in whatever order they are answered. */
  async #list() {
    this.#lists += 1;
    const list = this.#lists;
    const attachments = await this.#api.attachments(this.#stopper.signal);
    if (list === this.#lists) this.#renderFiles(attachments);
  }

  #renderFiles(attachments) {
    this.#attached.hidden = attachments.length === 0;
    this.#attached.replaceChildren(...attachments.map((file) => {
      const size = `${this.#texts.number.format(Math.ceil(file.size_bytes / 1024))} KB`;
      const save = h("button", { type: "button", class: "file", onclick: () => this.#save(file) }, h("bdi", {}, file.name));
      return h("li", {}, save, h("span", {}, size));
    }));
  }

  async #save(file) {
    try {
      const address = URL.createObjectURL(await this.#api.download(file));
      h("a", { href: address, download: file.name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      this.#complain(explanation(this.#texts, error));
    }
  }

  #renderWaiting(status, answered) {
    const working = OPEN.includes(status);
    const text = answered ? "" : this.#texts.get(working ? "waiting.answer" : `waiting.${status}`);
    if (this.#waiting.textContent !== text) this.#waiting.textContent = text;
    this.#waiting.classList.toggle("busy", working && !answered);
  }

  async #write(event) {
    event.preventDefault();
    if (isBusy(this.#button)) return;
    const problem = problemOf("message", this.#box.value);
    this.#complain(problem ? this.#texts.get(problem.key, problem.values) : "");
    if (problem) return;
    if (!this.#chooser.check()) {
      this.#chooser.focus();
      return;
    }
    const text = clean(this.#box.value);
    // The same text again is a repetition of the request that failed, not a second message.
    if (this.#pending.text !== text) this.#pending = { key: newKey(), text };
    setBusy(this.#button, true);
    try {
      const answer = await this.#api.writeOn(text, this.#pending.key);
      this.#pending = { key: "", text: "" };
      if (clean(this.#box.value) === text) this.#box.value = ""; // or it is the next message already
      const files = this.#chooser.files;
      this.#chooser.clear();
      if (answer.ticket_id !== this.#options.ticket) {
        await this.#options.onMoved(answer, files);
        return;
      }
      await this.refresh();
      await this.attach(files);
    } catch (error) {
      this.#complain(explanation(this.#texts, error));
    } finally {
      setBusy(this.#button, false);
    }
  }

  #complain(problem) {
    this.#problem.textContent = problem;
    if (problem) {
      this.#box.setAttribute("aria-invalid", "true");
      this.#box.focus();
    } else {
      this.#box.removeAttribute("aria-invalid");
    }
  }

  async #copy(button) {
    let said = "talk.copied";
    try {
      await navigator.clipboard.writeText(this.#options.link);
    } catch {
      said = "talk.not_copied";
      button.before(h("input", { class: "link", readonly: true, "aria-label": this.#texts.get("talk.link"), value: this.#options.link, dir: "ltr" }));
      button.previousElementSibling.select();
      button.hidden = true;
    }
    this.#options.announce(this.#texts.get(said));
    button.textContent = this.#texts.get(said);
    setTimeout(() => { button.textContent = this.#texts.get("talk.copy"); }, 2500);
  }
}
