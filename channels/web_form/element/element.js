// <support-form>: a support request from its form to its last answer. docs/howto/embed.md is its manual.

import { SupportApi } from "./api.js";
import { ConversationView } from "./conversation-view.js";
import { h } from "./dom.js";
import { FormView } from "./form-view.js";
import { OpenRequest } from "./open-request.js";
import { ProblemView } from "./problem-view.js";
import { FIELDS } from "./rules.js";
import CSS from "./styles.js";
import { chooseLanguage, loadTexts } from "./texts.js";

const HERE = new URL("..", import.meta.url).href;
const sheet = new CSSStyleSheet(); // made by a script, so a page's style-src does not count for it
sheet.replaceSync(CSS);

export class SupportForm extends HTMLElement {
  static observedAttributes = ["lang", "dir", "api", "heading-level", "team", "deep-link"];

  #root = this.attachShadow({ mode: "open" });
  #announcer = h("p", { class: "visually-hidden", id: "announce", role: "status" });
  #frame = h("div", { class: "frame" });
  #pageLanguage = new MutationObserver(() => this.#route());
  #view = null;
  #unsent = []; // files that go with a request as soon as it is open
  #round = 0;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.append(this.#frame, this.#announcer);
  }

  /** Closes what is open and shows an empty form. */
  startOver() {
    this.#request.forget();
    this.#unsent = [];
    this.#route({ focus: true, fresh: true });
  }

  connectedCallback() {
    window.addEventListener("hashchange", this.#onHashChange);
    this.#pageLanguage.observe(document.documentElement, { attributeFilter: ["lang"] });
    this.#route();
  }

  disconnectedCallback() {
    window.removeEventListener("hashchange", this.#onHashChange);
    this.#pageLanguage.disconnect();
    this.#round += 1;
    this.#view?.close();
  }

  attributeChangedCallback() {
    if (this.isConnected && this.#round > 0) this.#route(); // not before it is first shown
  }

  get #base() {
    const given = this.getAttribute("api");
    return given ? new URL(given.replace(/\/*$/, "/"), location.href).href : HERE;
  }

  get #request() {
    return new OpenRequest(this.#base, this.hasAttribute("deep-link"));
  }

  #onHashChange = () => {
    if (!this.hasAttribute("deep-link")) return;
    // Another anchor of the page is nothing to a form that is being filled in.
    if (this.#view?.name === "form" && !this.#request.read()) return;
    this.#route({ focus: true, fresh: true });
  };

  /** Shows the open request, or the form. What is typed is kept, unless it is to be `fresh`. */
  async #route({ focus = false, fresh = false } = {}) {
    const round = ++this.#round;
    const texts = await loadTexts(chooseLanguage(this));
    if (round !== this.#round) return;
    const level = Math.min(Math.max(Number(this.getAttribute("heading-level")) || 2, 1), 6);
    const open = this.#request.read();
    const common = { texts, level, onAgain: () => this.startOver() };
    const view = open ? await this.#open(open, common) : this.#form(common, fresh);
    if (round !== this.#round) {
      view.close();
      return;
    }
    if (!fresh && view.name === "conversation" && this.#view?.name === view.name) view.restore(this.#view.state());
    this.#show(view, texts, open, focus);
  }

  #form(common, fresh) {
    const prefill = FIELDS.map((field) => [field, this.getAttribute(`prefill-${field}`) ?? undefined]);
    return new FormView({
      ...common,
      intro: this.querySelector(":scope > [slot=intro]") !== null,
      submit: (body, key) => new SupportApi(this.#base).submit(body, key),
      onSent: (answer, files) => this.#sent(answer, files, common.texts),
      values: { ...Object.fromEntries(prefill), ...(!fresh && this.#view?.name === "form" ? this.#view.state() : {}) },
    });
  }

  async #open(open, common) {
    const view = new ConversationView({
      ...common,
      api: new SupportApi(this.#base).ticket(open),
      ticket: open.ticket,
      team: this.getAttribute("team"),
      expected: this.#request.expected(open),
      link: this.#request.link(open),
      announce: (text) => this.#announce(text),
      onMoved: (answer, files) => this.#sent(answer, files, common.texts),
    });
    try {
      await view.open();
      return view;
    } catch (error) {
      view.close();
      return new ProblemView({ ...common, error, onRetry: () => this.#route({ focus: true }) });
    }
  }

  async #sent(answer, files, texts) {
    this.#request.keep(answer);
    const time = texts.duration(answer.estimated_response_time);
    this.#announce(texts.get("announce.sent", { ticket: answer.ticket_id, time }));
    this.dispatchEvent(new CustomEvent("support-form-sent", { bubbles: true, composed: true, detail: { ticket: answer.ticket_id } }));
    this.#unsent = files;
    await this.#route({ focus: true, fresh: true });
  }

  #show(view, texts, open, focus) {
    const changed = this.#view?.name !== view.name;
    this.#view?.close();
    this.#view = view;
    this.#frame.lang = texts.language;
    this.#frame.dir = this.getAttribute("dir") || texts.direction;
    this.#frame.replaceChildren(view.node);
    if (focus) {
      view.focus();
      if (changed) this.scrollIntoView({ block: "nearest" });
    }
    if (view.name === "conversation") view.attach(this.#unsent.splice(0));
    const detail = { view: view.name, ticket: open?.ticket ?? null };
    this.dispatchEvent(new CustomEvent("support-form-view", { bubbles: true, composed: true, detail }));
  }

  #announce(text) {
    this.#announcer.textContent = text;
  }
}
