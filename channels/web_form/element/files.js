// Choosing files to send with a message.

import { h } from "./dom.js";
import LIMITS from "./limits.js";

const MEGABYTE = 1024 * 1024;
const SIZE_MAX = LIMITS.file_max_bytes / MEGABYTE;

export class FileChooser {
  #texts;
  #input;
  #chosen;
  #problem;

  constructor(texts, id) {
    const t = (key, values) => texts.get(key, values);
    this.#texts = texts;
    this.#input = h("input", {
      type: "file", id, name: "files", multiple: true, accept: LIMITS.endings.join(","), class: "visually-hidden",
      "aria-describedby": `${id}-hint ${id}-chosen ${id}-problem`, onchange: () => this.check(),
    });
    this.#chosen = h("p", { class: "chosen", id: `${id}-chosen` });
    this.#problem = h("p", { class: "problem", id: `${id}-problem`, part: "error", role: "alert" });
    // A browser's own button for files speaks the browser's language; the label is the button in ours.
    this.node = h(
      "div", { class: "field" },
      h(
        "div", { class: "attach" },
        this.#input,
        h("label", { for: id, part: "secondary-button" }, t("files.label")),
        h("p", { class: "hint", id: `${id}-hint` }, t("files.hint", { count: LIMITS.files_max, size: SIZE_MAX })),
      ),
      this.#chosen,
      this.#problem,
    );
  }

  get files() {
    return [...this.#input.files];
  }

  /** The chosen files as the browser holds them, to be chosen again in another chooser. */
  get list() {
    return this.#input.files;
  }

  set list(files) {
    this.#input.files = files;
    this.check();
  }

  clear() {
    this.#input.value = "";
    this.check();
  }

  /** Whether the chosen files may be sent; says what is wrong with them. */
  check() {
    this.#chosen.replaceChildren(...this.files.map((file) => h("bdi", {}, file.name)));
    const large = this.files.find((file) => file.size > LIMITS.file_max_bytes);
    let problem = "";
    if (this.files.length > LIMITS.files_max) problem = this.#texts.get("files.too_many", { count: LIMITS.files_max });
    else if (large) problem = this.#texts.get("files.too_large", { name: large.name, size: SIZE_MAX });
    this.#problem.textContent = problem;
    if (problem) this.#input.setAttribute("aria-invalid", "true");
    else this.#input.removeAttribute("aria-invalid");
    return problem === "";
  }

  focus() {
    this.#input.focus();
  }
}
