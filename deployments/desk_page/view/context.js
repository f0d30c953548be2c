import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { CATEGORIES, CHANNELS, PRIORITIES, TEAMS, clock, label, mood, moodText, readable, since, whole } from "../words.js";

export function contextView(state, actions) {
  const { conversation } = state;
  if (!conversation) return html`<aside class="context" aria-label="About this conversation"></aside>`;
  return html`
    <aside class="context" aria-label="About this conversation" tabindex="0">
      ${handoverView(conversation, state.now)} ${ticketView(conversation, state, actions)} ${customerView(conversation)}
      ${seenView(conversation, state, actions)}
    </aside>
  `;
}

function handoverView(conversation, now) {
  const escalation = conversation.escalations.at(-1);
  if (!escalation) return nothing;
  return html`
    <section aria-labelledby="handover-title">
      <h2 id="handover-title">Why it is here</h2>
      <p class="facts-line">
        <span class="severity ${escalation.severity}">${escalation.severity}</span>
        <strong>${label(escalation.reason_code)}</strong>
        <span class="soft">${TEAMS[escalation.team]} · <time datetime=${escalation.created_at} title=${whole(escalation.created_at)}>${since(escalation.created_at, now)}</time></span>
      </p>
      <p class="summary" dir="auto">${readable(escalation.summary, escalation.reason_code)}</p>
    </section>
  `;
}

function ticketView(conversation, state, actions) {
  const choose = (name, values) => html`
    <div class="pick">
      <label for=${name}>${label(name)}</label>
      <select id=${name} ?disabled=${state.busy !== null} @change=${(event) => actions.triage({ [name]: event.target.value })}
        aria-keyshortcuts=${name[0]}>
        ${values.map((value) => html`<option value=${value} .selected=${conversation[name] === value}>${label(value)}</option>`)}
      </select>
    </div>
  `;
  return html`
    <section aria-labelledby="ticket-title">
      <h2 id="ticket-title">Ticket</h2>
      <div class="picks">${choose("category", CATEGORIES)} ${choose("priority", PRIORITIES)}</div>
      ${conversation.assigned_by ? html`<p class="hint">Assigned by ${conversation.assigned_by}; the FTE leaves it so.</p>` : nothing}
    </section>
  `;
}

function customerView(conversation) {
  const verified = conversation.identity_verified;
  return html`
    <section aria-labelledby="customer-title">
      <h2 id="customer-title">Customer</h2>
      <dl>
        <dt>Name</dt><dd>${conversation.customer_name || "Not given"}</dd>
        <dt>Writes from</dt><dd>${conversation.identity_value}
          <span class="tag ${verified ? "good" : "warn"}">${verified ? "Verified" : "Only claimed"}</span></dd>
        <dt>Plan</dt><dd>${label(conversation.plan)}</dd>
        <dt>Opened</dt><dd><time datetime=${conversation.created_at}>${whole(conversation.created_at)}</time></dd>
      </dl>
      ${conversation.other_conversations.length
        ? html`<h3>Other conversations</h3>
            <ul class="others">
              ${conversation.other_conversations.map(
                (line) => html`<li><a href="#/c/${line.conversation_id}">${line.subject || line.ticket_id}</a>
                  <span class="soft">${CHANNELS[line.channel]}, ${label(line.state).toLowerCase()}</span></li>`,
              )}
            </ul>`
        : nothing}
    </section>
  `;
}

const STEPS = {
  create_ticket: "Looked at the ticket",
  get_customer_history: "Read the history",
  analyze_sentiment: "Scored the sentiment",
  policy: "Checked the rules",
  search_knowledge_base: "Searched the knowledge base",
  send_response: "Wrote a reply",
  guardrails: "Checked the reply",
  escalate_to_human: "Handed over to a person",
};

// What the FTE had before it and what it decided, step by step, for one of its turns.
function seenView(conversation, state, actions) {
  const turns = conversation.outcomes.filter((outcome) => outcome.trace.length > 0);
  const outcome = turns.find((each) => each.outcome_id === state.outcomeId);
  return html`
    <section aria-labelledby="seen-title" id="seen" tabindex="-1">
      <h2 id="seen-title">What the FTE saw</h2>
      ${turns.length > 1
        ? html`<div class="pick">
            <label for="turn">Turn</label>
            <select id="turn" @change=${(event) => actions.showOutcome(event.target.value)}>
              ${turns.map((each, place) => html`<option value=${each.outcome_id} .selected=${each === outcome}>${place + 1}: ${label(each.kind)}, ${clock(each.created_at)}</option>`)}
            </select>
          </div>`
        : nothing}
      ${outcome
        ? html`<ol class="steps">${outcome.trace.map((step) => stepView(step))}</ol>
            <p class="decision"><strong>${label(outcome.kind)}</strong> ${label(outcome.reason)}</p>`
        : html`<p class="soft">The FTE has decided nothing here.</p>`}
    </section>
  `;
}

function stepView(step) {
  const detail = stepDetail(step, step.seen ?? {});
  const head = html`<span class="step-name">${STEPS[step.name] ?? label(step.name)}</span><span class="soft">${step.duration_ms.toFixed(1)} ms</span>`;
  if (detail) return html`<li class="step"><p class="step-head">${head}</p>${detail}</li>`;
  return html`<li class="step"><details><summary class="step-head">${head}</summary><pre dir="auto">${pretty(step)}</pre></details></li>`;
}

// What matters of a step at a glance; null where it is only looked up.

function stepDetail(step, seen) {
  if (step.name === "search_knowledge_base" && seen.passages) return searchView(step, seen);
  if (step.name === "analyze_sentiment" && seen.score !== undefined) {
    const streak = seen.negative_streak ? `, ${seen.negative_streak} upset in a row` : "";
    return html`<p><span class="mood ${mood(seen.score)}">${moodText(seen.score)}</span>${streak}</p>`;
  }
  if (step.name === "policy" && seen.reason_code) {
    return html`<p><strong>${label(seen.reason_code)}</strong> → ${TEAMS[seen.team]}, ${seen.severity}</p>
      <p class="evidence" dir="auto">${seen.matched}</p>`;
  }
  if (step.name === "policy") return html`<p class="soft">No rule sends it to a person.</p>`;
  if (step.name === "guardrails") {
    return seen.kept ? html`<p class="soft">It keeps every guardrail.</p>` : html`<p class="evidence" dir="auto">${step.result}</p>`;
  }
  return null;
}

function searchView(step, seen) {
  return html`
    <p class="evidence" dir="auto">${step.arguments.query}</p>
    <p class="soft">${seen.matched ? "Matched" : "Nothing is close enough"}; needs ${seen.similarity_needed.toFixed(2)}</p>
    ${seen.withheld ? html`<p class="evidence">Withheld, for they talk to a model: ${seen.withheld.join(", ")}</p>` : nothing}
    <ol class="passages">
      ${seen.passages.map((passage) => {
        const close = passage.similarity !== null && passage.similarity >= seen.similarity_needed;
        const path = (passage.section || passage.article).split(" > ");
        return html`<li>
          <details>
            <summary>
              <span class="passage-name">${path.at(-1)}<span class="passage-of">${path.slice(0, -1).join(" > ")}</span></span>
              <span class="similarity ${close ? "close" : ""}">${passage.similarity === null ? "by words" : passage.similarity.toFixed(2)}</span>
            </summary>
            <p class="passage-text" dir="auto">${passage.text}</p>
            <p class="soft">${articleLink(passage)} · rank score ${passage.score}</p>
          </details>
        </li>`;
      })}
    </ol>
  `;
}

function articleLink({ article, url }) {
  if (!/^https?:\/\//.test(url ?? "")) return article;
  return html`<a href=${url} target="_blank" rel="noopener noreferrer">${article}</a>`;
}

function pretty(step) {
  const given = Object.entries(step.arguments).filter(([, value]) => value !== null);
  const lines = given.map(([name, value]) => `${name}: ${[value].flat().join(", ") || "none"}`);
  try {
    return [...lines, JSON.stringify(JSON.parse(step.result), null, 2)].join("\n");
  } catch {
    return [...lines, step.result].join("\n");
  }
}
