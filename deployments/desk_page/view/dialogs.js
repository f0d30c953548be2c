import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { SHORTCUTS } from "../keys.js";

const NOTE_MAX = 2_000;

// One dialog at a time; it closes by Esc and by its buttons, and the page gets its focus back.
export function dialogView(state, actions) {
  return html`
    <dialog id="dialog" aria-labelledby="dialog-title" @close=${actions.closed}>
      ${state.dialog ? DIALOGS[state.dialog](state, actions) : nothing}
    </dialog>
  `;
}

const DIALOGS = {
  keys: () => html`
    <form method="dialog">
      <h2 id="dialog-title">Shortcuts</h2>
      <dl class="shortcuts">
        ${SHORTCUTS.map(([keys, text]) => html`<dt>${keys.split(" ").map((key) => (key === "or" ? " or " : html`<kbd>${key}</kbd> `))}</dt><dd>${text}</dd>`)}
      </dl>
      <div class="dialog-foot"><button class="primary" value="cancel" autofocus>Close</button></div>
    </form>
  `,
  handBack: (state, actions) =>
    noteView(state, {
      title: "Hand back to the FTE",
      text: "The FTE answers the customer's next message and may pass on what your note says.",
      readers: "your colleagues and the FTE",
      button: "Hand back",
      act: actions.handBack,
    }),
  resolve: (state, actions) =>
    noteView(state, {
      title: "Resolve",
      text: "The ticket is closed. A new message of the customer within 72 hours opens it again.",
      readers: "your colleagues",
      button: "Resolve",
      act: actions.resolve,
    }),
  discard: (state, actions) => html`
    <form method="dialog" @submit=${(event) => event.submitter?.value === "act" && actions.discard()}>
      <h2 id="dialog-title">Discard it as spam?</h2>
      <p>It stays stored, its ticket is closed, and nobody answers it.</p>
      <div class="dialog-foot">
        <button value="cancel" autofocus>Cancel</button>
        <button class="primary" value="act">Discard it</button>
      </div>
    </form>
  `,
  takeFrom: (state, actions) => html`
    <form method="dialog" @submit=${(event) => event.submitter?.value === "act" && actions.takeFrom()}>
      <h2 id="dialog-title">Take it from ${state.from}?</h2>
      <p>${state.from} has this conversation and can no longer answer in it when you take it.</p>
      <div class="dialog-foot">
        <button value="cancel" autofocus>Cancel</button>
        <button class="primary" value="act">Take it from ${state.from}</button>
      </div>
    </form>
  `,
};

function noteView(state, { title, text, readers, button, act }) {
  const submit = (event) => {
    if (event.submitter?.value !== "cancel") act(new FormData(event.target).get("note").trim());
  };
  return html`
    <form method="dialog" @submit=${submit}>
      <h2 id="dialog-title">${title}</h2>
      <p class="soft">${text}</p>
      <label for="note">Note for ${readers} <span class="soft">optional</span></label>
      <textarea id="note" name="note" rows="4" maxlength=${NOTE_MAX} dir="auto" autofocus
        @keydown=${(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form.requestSubmit()}></textarea>
      <div class="dialog-foot">
        <button type="submit" value="cancel" formnovalidate>Cancel</button>
        <button type="submit" class="primary" value="act">${button}</button>
      </div>
    </form>
  `;
}
