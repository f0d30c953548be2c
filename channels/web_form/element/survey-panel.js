// One question about a resolved request: is it solved? A no opens a box for what is missing, which may stay empty.

import { busyButton, h, isBusy, setBusy } from "./dom.js";
import { explanation } from "./form-view.js";
import LIMITS from "./limits.js";
import { clean } from "./rules.js";

export class SurveyPanel {
  #texts;
  #options;
  #yes;
  #no;
  #box;
  #problem;
  #thanks;
  #more;
  #send;

  /** `answer(solved, comment)` sends; `onAnswered(kept)` follows what was kept, null where nothing was asked any more. */
  constructor(options) {
    this.#options = options;
    this.#texts = options.texts;
    this.node = this.#build(options.level);
  }

  get comment() {
    return this.#box.value;
  }

  set comment(text) {
    this.#box.value = text;
  }

  /** Shows the question of a ticket, null for none; an answer that is known is said instead. */
  show(survey) {
    this.node.hidden = !survey;
    if (!survey) this.#openBox(false);
    const solved = survey?.solved === true;
    this.#thanks.textContent = solved ? this.#texts.get("survey.thanks") : "";
    this.#yes.setAttribute("aria-pressed", String(solved));
  }

  #build(level) {
    const t = (key) => this.#texts.get(key);
    const quiet = { type: "button", class: "quiet", part: "secondary-button" };
    this.#yes = h("button", { ...quiet, id: "solved-yes", onclick: () => this.#answer(true, "") }, t("survey.yes"));
    this.#no = h("button", { ...quiet, id: "solved-no", onclick: () => this.#openBox(true), "aria-expanded": "false", "aria-controls": "unsolved" }, t("survey.no"));
    this.#box = h("textarea", { id: "comment", rows: 2, maxlength: LIMITS.comment_max, dir: "auto", part: "input" });
    this.#send = busyButton("send-no", t("survey.send"));
    this.#problem = h("p", { class: "problem", id: "survey-problem", role: "alert", part: "error" });
    this.#thanks = h("p", { class: "thanks" });
    this.#more = h(
      "form", { id: "unsolved", novalidate: true, hidden: true, onsubmit: (event) => this.#refuse(event) },
      h("div", { class: "field" }, h("label", { for: "comment", part: "label" }, t("survey.comment")), this.#box),
      this.#send,
    );
    return h(
      "section", { class: "survey", id: "survey", "aria-labelledby": "survey-question", hidden: true },
      h(`h${level}`, { id: "survey-question" }, t("survey.question")),
      h("div", { class: "buttons" }, this.#yes, this.#no),
      this.#more, this.#problem, this.#thanks,
    );
  }

  #openBox(open) {
    this.#more.hidden = !open;
    this.#no.setAttribute("aria-expanded", String(open));
    if (open) this.#box.focus();
  }

  #refuse(event) {
    event.preventDefault();
    return this.#answer(false, clean(this.#box.value));
  }

  async #answer(solved, comment) {
    if (isBusy(this.#send)) return;
    if (solved) this.#openBox(false);
    this.#problem.textContent = "";
    setBusy(this.#send, true);
    try {
      const kept = await this.#options.answer(solved, comment);
      this.#box.value = "";
      this.#options.announce(this.#texts.get(solved ? "survey.thanks" : "survey.sorry"));
      await this.#options.onAnswered(kept);
    } catch (error) {
      // Whatever was refused is not asked any more: what stands now is shown.
      if (error.status === 409) await this.#options.onAnswered(null);
      else this.#problem.textContent = explanation(this.#texts, error);
    } finally {
      setBusy(this.#send, false);
    }
  }
}
