import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { CHANNELS, TEAMS, gist, initials, label, since, whole } from "../words.js";

export const VIEWS = [
  ["waiting", "Waiting", (line) => line.status === "open"],
  ["mine", "Mine", (line, me) => line.status === "taken" && line.taken_by === me],
  ["live", "All live", (line) => line.closed_at === null],
  ["closed", "Closed", (line) => line.closed_at !== null],
  ["quarantine", "Quarantine", () => false],
];

// The lines that a view and a team leave, in the server's order.
export function shownLines(state) {
  const [, , belongs] = VIEWS.find(([name]) => name === state.view);
  return state.lines.filter((line) => belongs(line, state.session.operator) && (!state.team || line.team === state.team));
}

export function queueView(state, actions) {
  const lines = shownLines(state);
  const quarantine = state.view === "quarantine";
  return html`
    <nav class="queue" aria-label="Escalations">
      <div class="tabs" role="group" aria-label="Which escalations">
        ${VIEWS.map(([name, text, belongs], place) => {
          const count = name === "quarantine" ? state.quarantined.length : state.lines.filter((line) => belongs(line, state.session.operator)).length;
          return html`<button type="button" aria-pressed=${state.view === name} @click=${() => actions.show(name)}
            aria-keyshortcuts=${place + 1}>${text}${name === "closed" ? nothing : html` <span class="count">${count}</span>`}</button>`;
        })}
      </div>
      ${quarantine
        ? html`<p class="about-view soft">Requests that look like spam. Nothing of them is answered until somebody decides.</p>`
        : teamsView(state, actions)}
      <ul class="lines" id="lines">
        ${quarantine
          ? repeat(state.quarantined, (each) => each.conversation_id, (each) => quarantinedView(each, state))
          : repeat(lines, (line) => line.escalation_id, (line) => lineView(line, state))}
      </ul>
      ${(quarantine ? state.quarantined : lines).length === 0 ? emptyView(state) : nothing}
    </nav>
  `;
}

function teamsView(state, actions) {
  return html`
      <div class="teams">
        <label for="team">Team</label>
        <select id="team" @change=${(event) => actions.showTeam(event.target.value)}>
          <option value="" .selected=${state.team === ""}>All teams</option>
          ${Object.entries(TEAMS).map(([code, text]) => {
            const count = state.lines.filter((line) => line.team === code && line.closed_at === null).length;
            return html`<option value=${code} .selected=${state.team === code}>${text} (${count})</option>`;
          })}
        </select>
      </div>
  `;
}

function emptyView(state) {
  if (!state.loaded || (state.view === "closed" && !state.closedLoaded)) return html`<p class="empty">Loading…</p>`;
  const text = {
    waiting: "Nobody waits for a person.",
    mine: "You have no conversation. Take one over with t.",
    live: "No live escalation.",
    closed: "Nothing has been closed yet.",
    quarantine: "Nothing looks like spam.",
  }[state.view];
  return html`<p class="empty">${text}</p>`;
}

function lineView(line, state) {
  const mine = line.taken_by === state.session.operator;
  return html`
    <li>
      <a class="line ${line.closed_at ? "closed" : ""}" href="#/c/${line.conversation_id}"
        aria-current=${line.conversation_id === state.openId}>
        <span class="line-top">
          ${line.priority === "urgent"
            ? html`<span class="severity urgent">${line.severity} urgent</span>`
            : html`<span class="severity ${line.severity}">${line.severity}</span>`}
          <span class="line-name">${line.customer_name || "No name"}</span>
          ${waitView(line, state.now)}
        </span>
        ${aboutView(line)}
        <span class="line-foot">
          <span class="line-facts"><span class="reason">${label(line.reason_code)}</span> · ${TEAMS[line.team]} · ${CHANNELS[line.channel]}${remindersView(line)}</span>
          ${line.taken_by
            ? html`<span class="who ${mine ? "me" : ""}" title="Taken by ${line.taken_by}"><span aria-hidden="true">${initials(line.taken_by)}</span><span class="visually-hidden">Taken by ${mine ? "you" : line.taken_by}</span></span>`
            : nothing}
        </span>
      </a>
    </li>
  `;
}

function quarantinedView(each, state) {
  return html`
    <li>
      <a class="line" href="#/c/${each.conversation_id}" aria-current=${each.conversation_id === state.openId}>
        <span class="line-top">
          <span class="line-name">${each.customer_name || each.address}</span>
          <time class="wait" datetime=${each.created_at} title="Waits since ${whole(each.created_at)}"><span class="visually-hidden">waits </span>${since(each.created_at, state.now)}</time>
        </span>
        <span class="line-subject">${each.subject}</span><span class="line-gist">${each.messages[0] ?? ""}</span>
        <span class="line-foot"><span class="line-facts">${each.reasons.map(label).join(", ")}</span></span>
      </a>
    </li>
  `;
}

// The subject and what was written; once only where the subject is how the text begins.
function aboutView(line) {
  const text = gist(line.summary);
  const repeats = text.startsWith(line.subject.replace(/…$/, ""));
  return html`${repeats ? nothing : html`<span class="line-subject">${line.subject}</span>`}<span class="line-gist">${text}</span>`;
}

// How often it was raised again because nobody took it.
function remindersView(line) {
  if (line.reminders === 0 || line.status !== "open") return nothing;
  const times = line.reminders === 1 ? "once" : `${line.reminders} times`;
  return html` · <span class="again" title="Last ${whole(line.raised_again_at)}">Raised again ${times}</span>`;
}

function waitView(line, now) {
  if (line.closed_at) {
    return html`<time class="wait" datetime=${line.closed_at} title=${whole(line.closed_at)}>${label(line.status)}</time>`;
  }
  if (line.undelivered_at) {
    return html`<time class="wait late" datetime=${line.undelivered_at} title="Since ${whole(line.undelivered_at)}: ${line.undelivered}">Not delivered</time>`;
  }
  if (!line.waiting_since) return html`<span class="wait answered">Answered</span>`;
  const late = Date.parse(line.due_at) <= now;
  return html`<time class="wait ${late ? "late" : ""}" datetime=${line.waiting_since}
    title="Waits since ${whole(line.waiting_since)}, an answer is due ${whole(line.due_at)}"><span class="visually-hidden">${late ? "overdue, " : ""}waits </span>${since(line.waiting_since, now)}</time>`;
}
