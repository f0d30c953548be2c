import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { live } from "../vendor/lit-html/directives/live.js";
import { BY_CHANNEL, CHANNELS, clock, day, label, mood, moodText, size, standing, suspicions, whole } from "../words.js";

const MESSAGE_MAX = 5_000;

export function conversationView(state, actions) {
  const { conversation } = state;
  if (!state.openId) {
    return html`<section class="talk blank" id="conversation" tabindex="-1" aria-label="Conversation">
      <p>Choose a conversation: <kbd>j</kbd> and <kbd>k</kbd> move, <kbd>Enter</kbd> opens, <kbd>?</kbd> shows all shortcuts.</p>
    </section>`;
  }
  if (!conversation) {
    return html`<section class="talk blank" id="conversation" tabindex="-1" aria-label="Conversation">
      <p role="status">${state.conversationProblem || "Loading…"}</p>
    </section>`;
  }
  const now = standing(conversation, state.session.operator);
  return html`
    <section class="talk" id="conversation" tabindex="-1" aria-labelledby="conversation-title">
      <header class="talk-head">
        <a class="back" href="#/">‹ List</a>
        <div class="talk-title">
          <h1 id="conversation-title">${conversation.subject || "No subject"}</h1>
          <p class="soft">
            <span>${conversation.customer_name || "No name"}</span> · <span class="mono">${conversation.ticket_id}</span> ·
            <span>${CHANNELS[conversation.channel]}</span>
          </p>
        </div>
        <span class="pill ${now.kind}" id="standing">${now.text}</span>
        <div class="actions">${actionButtons(state, now, actions)}</div>
      </header>
      ${state.problem ? html`<p class="banner" role="alert">${state.problem}<button type="button" class="link" @click=${actions.dismiss}>Dismiss</button></p>` : nothing}
      ${now.kind === "quarantined" ? html`<p class="banner" id="suspicion">This looks like spam: ${suspicions(conversation.quarantine.reasons)}. Nothing is answered until somebody decides.</p>` : nothing}
      ${warningsView(conversation)}
      <ol class="timeline" id="timeline" tabindex="0" aria-label="Messages and what was done">
        ${repeat(timeline(conversation), (entry) => entry.key, (entry) => entryView(entry, state, actions))}
      </ol>
      ${composerView(state, now, actions)}
    </section>
  `;
}

// What whoever answers here must know first.
function warningsView(conversation) {
  const failed = undelivered(conversation);
  const unproven = conversation.channel === "email" && !conversation.identity_verified;
  return html`
    ${failed && conversation.state !== "resolved"
      ? html`<p class="banner" id="undelivered">A reply did not reach the customer: ${failed.delivery_error}. Write once more, or reach them another way.</p>`
      : nothing}
    ${unproven
      ? html`<p class="banner" id="unproven">Nobody vouches that ${conversation.identity_value} wrote this. What the FTE answers is held until the address is confirmed; what you write is sent there.</p>`
      : nothing}
  `;
}

// The last reply that failed and that no person has made good by writing again.
function undelivered(conversation) {
  const said = conversation.messages.filter((message) => message.direction === "outbound");
  const place = said.findLastIndex((message) => message.delivery === "failed");
  return place >= 0 && !said.slice(place + 1).some((message) => message.author === "person") ? said[place] : null;
}

function actionButtons(state, now, actions) {
  const busy = state.busy !== null;
  if (now.kind === "quarantined") {
    return html`
      <button type="button" class="primary" ?disabled=${busy} @click=${actions.release} aria-keyshortcuts="l">Release to the FTE</button>
      <button type="button" ?disabled=${busy} @click=${() => actions.ask("discard")} aria-keyshortcuts="d">Discard as spam…</button>
    `;
  }
  const takeText = now.kind === "theirs" ? `Take from ${state.conversation.owner}…` : "Take over";
  return html`
    ${now.kind === "mine" || now.kind === "resolved"
      ? nothing
      : html`<button type="button" class=${now.kind === "theirs" ? "" : "primary"} ?disabled=${busy} @click=${actions.take} aria-keyshortcuts="t">${takeText}</button>`}
    ${now.kind === "mine" || now.kind === "waiting"
      ? html`<button type="button" ?disabled=${busy} @click=${() => actions.ask("handBack")} aria-keyshortcuts="h">Hand back…</button>`
      : nothing}
    ${now.kind === "theirs" || now.kind === "resolved"
      ? nothing
      : html`<button type="button" ?disabled=${busy} @click=${() => actions.ask("resolve")} aria-keyshortcuts="e">Resolve…</button>`}
  `;
}

// Messages and what people and the FTE did between them, in order.
export function timeline(conversation) {
  const entries = [];
  let lastDay = "";
  const lastOfOutcome = new Map();
  for (const message of conversation.messages) {
    if (message.outcome_id) lastOfOutcome.set(message.outcome_id, message.message_id);
  }
  const outcomes = new Map(conversation.outcomes.map((outcome) => [outcome.outcome_id, outcome]));
  for (const message of conversation.messages) {
    entries.push({ key: message.message_id, at: message.created_at, kind: "message", message });
    const outcome = lastOfOutcome.get(message.outcome_id) === message.message_id ? outcomes.get(message.outcome_id) : null;
    if (outcome) entries.push({ key: outcome.outcome_id, at: message.created_at, kind: "outcome", outcome });
  }
  for (const each of conversation.escalations) {
    if (each.taken_at) {
      entries.push({ key: `${each.escalation_id} taken`, at: each.taken_at, kind: "act", text: `${each.taken_by} took over` });
    }
    if (each.closed_at) {
      const who = each.closed_by ?? "Somebody";
      const did = each.status === "resolved" ? "resolved it" : "handed it back to the FTE";
      entries.push({ key: `${each.escalation_id} closed`, at: each.closed_at, kind: "act", text: `${who} ${did}`, note: each.note });
    }
  }
  for (const file of conversation.attachments) {
    entries.push({ key: file.attachment_id, at: file.created_at, kind: "file", file });
  }
  const { quarantine } = conversation;
  if (quarantine) {
    entries.push({ key: "quarantined", at: quarantine.created_at, kind: "act", text: `Held back: ${suspicions(quarantine.reasons)}` });
    if (quarantine.ended_at) {
      const did = quarantine.ending === "discarded" ? "discarded it as spam" : "released it to the FTE";
      entries.push({ key: "quarantine ended", at: quarantine.ended_at, kind: "act", text: `${quarantine.ended_by} ${did}` });
    }
  }
  for (const each of conversation.letters) entries.push(letterEntry(each));
  for (const each of conversation.resolutions) entries.push(...endEntries(each));
  entries.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  for (const entry of entries) {
    const name = day(entry.at);
    if (name !== lastDay) entry.day = name;
    lastDay = name;
  }
  return entries;
}

const LETTER_STATE = {
  pending: "waits to be sent",
  sending: "being sent",
  sent: "delivered",
  unknown: "delivery is being checked",
  failed: "could not be delivered",
  cancelled: "not sent",
};
const ANSWERS = {
  asked: "not answered yet",
  confirmed: "confirmed",
  declined: "somebody else wrote, says its owner",
  revoked: "confirmed, and taken back by a person",
};

// A mail beside the conversation: the request to confirm an address, or a copy of an answer.
function letterEntry(letter) {
  const at = letter.finished_at ?? letter.created_at;
  const asks = letter.kind === "confirmation";
  const text = asks
    ? `Asked ${letter.address} by e-mail to confirm the address: ${LETTER_STATE[letter.state]}; ${ANSWERS[letter.confirmation] ?? letter.confirmation}`
    : `The answer also went by e-mail to ${letter.address}: ${LETTER_STATE[letter.state]}`;
  const note = letter.state === "failed" ? letter.error : "";
  return { key: `letter ${letter.kind} ${letter.created_at}`, at, kind: "act", text, note };
}

// An end of the conversation, what its customer said of it, and whether it held.
function endEntries(end) {
  const key = (what) => `${end.resolved_at} ${what}`;
  const entries = [];
  if (end.resolved_by === "fte") {
    entries.push({ key: key("ended"), at: end.resolved_at, kind: "act", text: "Nothing came any more: assumed to be resolved" });
  } else if (end.resolved_by === "the customer") {
    entries.push({ key: key("ended"), at: end.resolved_at, kind: "act", text: "Resolved: the customer confirms it" });
  }
  if (end.surveyed_at) {
    const text = `Asked whether it is solved, the customer said ${end.solved ? "yes" : "no"}`;
    entries.push({ key: key("asked"), at: end.surveyed_at, kind: "act", text, note: end.comment });
  }
  if (end.reopened_at) entries.push({ key: key("reopened"), at: end.reopened_at, kind: "act", text: "Open again" });
  return entries;
}

function entryView(entry, state, actions) {
  const heading = entry.day ? html`<p class="day">${entry.day}</p>` : nothing;
  if (entry.kind === "message") return html`<li class="entry">${heading}${messageView(entry.message)}</li>`;
  if (entry.kind === "outcome") return html`<li class="entry">${heading}${outcomeView(entry.outcome, state, actions)}</li>`;
  if (entry.kind === "file") return html`<li class="entry">${heading}${fileView(entry.file, state.openId)}</li>`;
  return html`<li class="entry">${heading}
    <p class="act"><span>${entry.text}</span> <time datetime=${entry.at} title=${whole(entry.at)}>${clock(entry.at)}</time></p>
    ${entry.note ? html`<p class="note">${entry.note}</p>` : nothing}
  </li>`;
}

// The server has it saved, never shown in place.
function fileView(file, conversationId) {
  return html`<p class="act file">
    Customer attached <a href="/conversations/${conversationId}/attachments/${file.attachment_id}" download=${file.name} dir="auto">${file.name}</a>
    <span class="soft">${size(file.size_bytes)}</span> <time datetime=${file.created_at} title=${whole(file.created_at)}>${clock(file.created_at)}</time>
  </p>`;
}

const DELIVERY = {
  held: "Held until the address is confirmed",
  pending: "Waits to be sent",
  sending: "Being sent",
  sent: "Delivered",
  unknown: "Delivery is being checked",
  failed: "Could not be delivered",
  cancelled: "Not sent: something came first",
};

function messageView(message) {
  const who = { customer: "Customer", fte: "FTE", person: message.operator ?? "A person" }[message.author];
  const delivery = message.direction === "outbound" ? (message.delivery ?? "pending") : null;
  return html`
    <article class="message ${message.author} ${delivery ?? ""}">
      <header>
        <strong>${who}</strong>
        <time datetime=${message.created_at} title=${whole(message.created_at)}>${clock(message.created_at)}</time>
        ${message.sentiment === null
          ? nothing
          : html`<span class="mood ${mood(message.sentiment)}" title="Sentiment, from −1 to +1">${moodText(message.sentiment)}</span>`}
        ${delivery ? html`<span class="delivery">${DELIVERY[delivery]}</span>` : nothing}
      </header>
      <p class="body" dir="auto">${message.body}</p>
      ${delivery === "failed" ? html`<p class="why soft">${message.delivery_error}</p>` : nothing}
    </article>
  `;
}

function outcomeView(outcome, state, actions) {
  const text = {
    reply: "FTE answered",
    escalation: `FTE handed over: ${label(outcome.reason).toLowerCase()}`,
    held: "Left for the person who has it",
    suppressed: `Not answered: ${label(outcome.reason).toLowerCase()}`,
    dead_letter: "Could not be processed; left for a person",
  }[outcome.kind];
  if (outcome.trace.length === 0) return html`<p class="act"><span>${text}</span></p>`;
  const selected = state.outcomeId === outcome.outcome_id;
  return html`<p class="act">
    <button type="button" class="link" aria-pressed=${selected} @click=${() => actions.showOutcome(outcome.outcome_id)}>${text} <span class="soft">what it saw</span></button>
  </p>`;
}

function composerView(state, now, actions) {
  const { conversation } = state;
  if (now.kind === "resolved") {
    return html`<p class="composer closed soft">Resolved. A new message of the customer within 72 hours opens it again.</p>`;
  }
  if (now.kind === "quarantined") {
    return html`<p class="composer closed soft">Release it, and the FTE answers as if it had just arrived; or discard it, and it is closed unanswered.</p>`;
  }
  if (now.kind === "theirs") {
    return html`<p class="composer closed" id="theirs"><strong>${conversation.owner}</strong> has this conversation and answers here.</p>`;
  }
  const draft = actions.draft(conversation.conversation_id);
  const submit = (event) => {
    event.preventDefault();
    actions.reply();
  };
  const onKey = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    actions.reply();
  };
  const button = now.kind === "mine" ? "Send" : "Take over and send";
  return html`
    <form class="composer" @submit=${submit}>
      <label for="reply">Reply to ${conversation.customer_name || "the customer"} <span class="soft">${BY_CHANNEL[conversation.channel]}, as ${state.session.operator}</span></label>
      <textarea id="reply" rows="4" maxlength=${MESSAGE_MAX} dir="auto" .value=${live(draft.text)} aria-keyshortcuts="r"
        @input=${(event) => actions.write(event.target.value)} @keydown=${onKey}></textarea>
      <div class="composer-foot">
        <span class="hint">${now.kind === "fte" ? "The FTE has this conversation; your reply takes it over." : "Ctrl Enter sends"}</span>
        <button class="primary" type="submit" ?disabled=${state.busy !== null || !draft.text.trim()}>${button}</button>
      </div>
    </form>
  `;
}

