// The form: its fields, their checks, and sending.

import { ApiError, newKey } from "./api.js";
import { busyButton, h, isBusy, setBusy } from "./dom.js";
import { FileChooser } from "./files.js";
import { clean, FIELDS, left, limits, problemOf } from "./rules.js";

const COUNT_FROM = 500;
const INPUTS = {
  name: { type: "text", autocomplete: "name", dir: "auto" },
  email: { type: "email", autocomplete: "email", inputmode: "email", spellcheck: "false", autocapitalize: "none", dir: "ltr" },
  subject: { type: "text", autocomplete: "off", dir: "auto" },
};

export class FormView {
  name = "form";
  #texts;
  #submit;
  #onSent;
  #controls = {};
  #problems = {};
  #count;
  #notice;
  #button;
  #chooser;
  #trap;
  #openedAt;
  #pressing = false;
  #attempt = { key: "", body: "" };

  /**
   * `submit(body, key)` sends; `onSent(answer, files)` is told of its answer and of the files that go with it. `intro`
   * says whether the page slots an introduction with the heading of its own; `values` is what the fields begin with.
   */
  constructor({ texts, level, intro, submit, onSent, values }) {
    this.#texts = texts;
    this.#submit = submit;
    this.#onSent = onSent;
    this.node = this.#build(level, intro);
    this.#openedAt = values.openedAt ?? performance.now();
    for (const field of FIELDS) {
      if (values[field] !== undefined) this.#controls[field].value = values[field];
    }
    if (values.files) this.#chooser.list = values.files;
    if (values.attempt) this.#attempt = values.attempt;
    this.#countLeft();
  }

  /** What the fields hold now, since when they are open, and what was tried to send. */
  state() {
    const values = Object.fromEntries(FIELDS.map((field) => [field, this.#controls[field].value]));
    return { ...values, files: this.#chooser.list, openedAt: this.#openedAt, attempt: this.#attempt };
  }

  focus() {
    this.#controls[FIELDS[0]].focus();
  }

  close() {}

  #build(level, intro) {
    const t = (key) => this.#texts.get(key);
    this.#count = h("p", { class: "count", id: "message-count" });
    this.#notice = h("p", { class: "notice", id: "form-problem", role: "alert", part: "error", hidden: true });
    this.#trap = h("input", { type: "text", id: "website", name: "website", tabindex: "-1", autocomplete: "off" });
    this.#chooser = new FileChooser(this.#texts, "files");
    this.#button = busyButton("send", t("form.send"));
    const form = h(
      "form",
      { class: "card", part: "card", id: "form", novalidate: true, "aria-labelledby": "form-title", onsubmit: (event) => this.#send(event) },
      h(`h${Math.min(level + (intro ? 1 : 0), 6)}`, { id: "form-title", class: "title", part: "heading" }, t("form.title")),
      h("div", { class: "pair" }, this.#field("name"), this.#field("email")),
      this.#field("subject"),
      h("div", { class: "pair choices" }, this.#field("category"), this.#field("priority")),
      this.#field("message"),
      this.#chooser.node,
      // Programs fill it in; people neither see it nor get there.
      h("div", { class: "visually-hidden", "aria-hidden": "true" }, h("label", { for: "website" }, t("form.leave_empty")), this.#trap),
      this.#notice,
      this.#button,
    );
    // A problem that appears while a button is pressed would move the button away from under the pointer.
    this.#button.addEventListener("pointerdown", () => {
      this.#pressing = true;
      window.addEventListener("pointerup", () => { this.#pressing = false; }, { once: true });
      window.addEventListener("pointercancel", () => { this.#pressing = false; }, { once: true });
    });
    const parts = [form];
    if (intro) parts.push(h("div", { class: "intro" }, h("slot", { name: "intro" })), h("div", { class: "aside" }, h("slot", { name: "aside" })));
    return h("section", { class: intro ? "ask with-intro" : "ask", "aria-labelledby": "form-title" }, ...parts);
  }

  #field(field) {
    const control = this.#control(field);
    const problem = h("p", { class: "problem", id: `${field}-problem`, part: "error" });
    this.#controls[field] = control;
    this.#problems[field] = problem;
    control.addEventListener("input", () => { if (control.getAttribute("aria-invalid")) this.#check(field); });
    control.addEventListener("blur", () => { if (control.value.trim() !== "" && !this.#pressing) this.#check(field); });
    const below = field === "message" ? h("div", { class: "under" }, problem, this.#count) : problem;
    return h(
      "div", { class: "field" },
      h("label", { for: field, part: "label" }, this.#texts.get(`field.${field}`)),
      limits(field).choices ? h("div", { class: "select" }, control) : control,
      below,
    );
  }

  #control(field) {
    const rule = limits(field);
    const common = { id: field, name: field, part: "input", required: rule.required, "aria-describedby": `${field}-problem` };
    if (rule.choices) {
      const options = rule.choices.map((value) =>
        h("option", { value, selected: value === rule.default }, this.#texts.get(`${field}.${value}`)));
      return h("select", common, ...options);
    }
    if (field !== "message") return h("input", { ...common, ...INPUTS[field] });
    return h("textarea", {
      ...common, rows: 6, dir: "auto", "aria-describedby": "message-problem message-count", oninput: () => this.#countLeft(),
    });
  }

  #countLeft() {
    const rest = left("message", this.#controls.message.value);
    const key = rest >= 0 ? "count.left" : "count.over";
    this.#count.textContent = rest > COUNT_FROM ? "" : this.#texts.get(key, { count: Math.abs(rest) });
  }

  #complain(field, problem) {
    this.#problems[field].textContent = problem;
    if (problem) this.#controls[field].setAttribute("aria-invalid", "true");
    else this.#controls[field].removeAttribute("aria-invalid");
  }

  #check(field) {
    const problem = problemOf(field, this.#controls[field].value);
    this.#complain(field, problem ? this.#texts.get(problem.key, problem.values) : "");
    return problem === null;
  }

  #say(notice) {
    this.#notice.textContent = notice;
    this.#notice.hidden = notice === "";
  }

  async #send(event) {
    event.preventDefault();
    if (isBusy(this.#button)) return;
    this.#say("");
    const wrong = FIELDS.filter((field) => !this.#check(field));
    if (wrong.length > 0) {
      this.#controls[wrong[0]].focus();
      return;
    }
    if (!this.#chooser.check()) {
      this.#chooser.focus();
      return;
    }
    const body = Object.fromEntries(FIELDS.map((field) => [field, clean(this.#controls[field].value)]));
    // The same content again is a repetition of the request that failed; other content is another request.
    if (this.#attempt.body !== JSON.stringify(body)) this.#attempt = { key: newKey(), body: JSON.stringify(body) };
    setBusy(this.#button, true);
    try {
      const observed = { website: this.#trap.value, elapsed_ms: Math.round(performance.now() - this.#openedAt) };
      await this.#onSent(await this.#submit({ ...body, ...observed }, this.#attempt.key), this.#chooser.files);
    } catch (error) {
      this.#explain(error);
    } finally {
      setBusy(this.#button, false);
    }
  }

  #explain(error) {
    const problems = (error instanceof ApiError ? error.problems : []).filter(({ field }) => FIELDS.includes(field));
    for (const { field, problem } of problems) this.#complain(field, problem.charAt(0).toUpperCase() + problem.slice(1));
    if (problems.length > 0) this.#controls[problems[0].field].focus();
    else this.#say(explanation(this.#texts, error));
  }
}

/** A sentence for the customer. */
export function explanation(texts, error) {
  if (!(error instanceof ApiError)) return texts.get("error.unknown");
  if (error.kind === "refused") return error.problems[0]?.problem || error.message || texts.get("error.unknown");
  return texts.get(`error.${error.kind}`);
}
