// A request that could not be opened, and what to do about it.

import { h } from "./dom.js";

export class ProblemView {
  name = "problem";
  #heading;

  /** `error`: why it could not be opened. `onRetry()` tries again; `onAgain()` begins a new request. */
  constructor({ texts, level, error, onRetry, onAgain }) {
    const t = (key) => texts.get(key);
    const unknown = error.status === 404;
    this.#heading = h(`h${level}`, { id: "lost-title", class: "title", part: "heading", tabindex: "-1" }, t("lost.title"));
    const [label, act] = unknown ? [t("lost.again"), onAgain] : [t("lost.retry"), onRetry];
    this.node = h(
      "section", { class: "talk card", part: "card", "aria-labelledby": "lost-title" },
      this.#heading,
      h("p", {}, t(unknown ? "lost.unknown" : "lost.away")),
      h("p", {}, h("button", { type: "button", class: "primary", part: "button", onclick: act }, label)),
    );
  }

  state() {
    return {};
  }

  focus() {
    this.#heading.focus();
  }

  close() {}
}
