// The desk: one state, drawn anew after each change. Everything that others wrote is drawn as text.

import { html, nothing, render } from "./vendor/lit-html/lit-html.js";
import { Acts } from "./acts.js";
import { announce } from "./announce.js";
import * as api from "./api.js";
import { find } from "./find.js";
import { listenForKeys } from "./keys.js";
import { Live } from "./live.js";
import { coalesced } from "./looks.js";
import { contextView } from "./view/context.js";
import { conversationView } from "./view/conversation.js";
import { dialogView } from "./view/dialogs.js";
import { queueView } from "./view/queue.js";
import { signInView } from "./view/sign_in.js";
import { label, standing } from "./words.js";

const NAME_KEY = "fte-desk-name";
const CLOCK_MS = 15_000;
const LIVE = ["open", "taken"];
const CLOSED = ["handed_back", "resolved"];

const state = {
  session: null,
  starting: true,
  signInProblem: "",
  rememberedName: localStorage.getItem(NAME_KEY) ?? "",
  view: "waiting",
  team: "",
  lines: [],
  quarantined: [],
  loaded: false,
  closedLoaded: false,
  link: "connecting",
  openId: null,
  conversation: null,
  conversationProblem: "",
  outcomeId: null,
  problem: "",
  busy: null,
  dialog: null,
  from: null, // the owner from whom the dialog was asked to take it
  now: Date.now(),
};
const LINKS = { connecting: "Connecting…", live: "Live", polling: "Looks every 5 s" };
const SESSION_ENDED = "Your session has ended. Sign in again; what you wrote is kept.";
const drafts = new Map();
const root = document.getElementById("desk");
const live = new Live(onNews, (link) => update({ link }));

let drawing = false;
let asked = 0;
let shown = 0;
let wasAtEnd = true;

function update(changes = {}) {
  Object.assign(state, changes);
  if (drawing) return;
  drawing = true;
  queueMicrotask(draw);
}

function draw() {
  drawing = false;
  const before = document.getElementById("timeline");
  wasAtEnd = !before || before.scrollHeight - before.scrollTop - before.clientHeight < 60;
  const focused = document.activeElement;
  render(state.starting ? nothing : state.session ? deskView() : signInView(state, { signIn }), root);
  keepFocus(focused);
  showDialog(document.getElementById("dialog"));
  const waiting = state.lines.filter((line) => line.status === "open").length;
  document.title = state.session && waiting ? `(${waiting}) Support desk` : "Support desk";
  const timeline = document.getElementById("timeline");
  if (timeline && wasAtEnd) timeline.scrollTop = timeline.scrollHeight;
}

// What is moved within a list, or drawn anew under its id, has lost the focus by that.
function keepFocus(focused) {
  if (document.activeElement !== document.body || focused === document.body) return;
  const still = focused.isConnected ? focused : focused.id && document.getElementById(focused.id);
  if (still) still.focus({ preventScroll: true });
}

// Opened once for each time that it is asked for: a dialog that has just closed itself tells so only afterwards,
// and may be asked for again before it does.
function showDialog(dialog) {
  if (dialog?.open && !state.dialog) dialog.close();
  if (!dialog || !state.dialog || shown === asked) return;
  shown = asked;
  if (!dialog.open) dialog.showModal();
}

function deskView() {
  return html`
    <header class="bar">
      <a class="brand" href="#/"><img src="/desk/assets/icon.svg" alt="" width="24" height="24"><span>Support desk</span></a>
      <form class="find" role="search" @submit=${(event) => find(event, ended.bind(null, state.session))}>
        <label class="visually-hidden" for="find">Find a ticket, an e-mail address or a phone number</label>
        <input id="find" name="what" type="search" placeholder="Ticket, e-mail or phone" autocomplete="off" spellcheck="false" aria-keyshortcuts="/">
      </form>
      <span class="link-state ${state.link}" id="link-state">${LINKS[state.link]}</span>
      <button type="button" class="quiet" @click=${() => ask("keys")} aria-keyshortcuts="?">Shortcuts</button>
      <span class="operator">${state.session.operator}</span>
      <button type="button" class="quiet" @click=${signOut}>Sign out</button>
    </header>
    <main class="panes ${state.openId ? "with-conversation" : ""}">
      ${queueView(state, actions)} ${conversationView(state, actions)} ${contextView(state, actions)}
    </main>
    ${dialogView(state, actions)}
  `;
}

// Signing in and out

async function signIn(name, key) {
  update({ busy: "signIn", signInProblem: "" });
  try {
    const session = await api.signIn(name, key);
    localStorage.setItem(NAME_KEY, session.operator);
    begin(session);
  } catch (error) {
    update({ signInProblem: error.message });
  } finally {
    update({ busy: null });
  }
}

async function signOut() {
  try {
    await api.signOut();
  } catch {
    // The session had ended, or the server is away and ends it in time.
  }
  localStorage.removeItem(NAME_KEY);
  drafts.clear();
  end("");
}

function begin(session) {
  if (session.operator !== state.rememberedName) drafts.clear();
  update({ session, starting: false, signInProblem: "", rememberedName: session.operator });
  route();
  followShown();
  onNews(null);
}

// An answer may be refused to a session after which another one has begun.
const ended = (session) => session && session === state.session && end(SESSION_ENDED);

function end(problem) {
  live.stop();
  const nothingLoaded = { lines: [], quarantined: [], loaded: false, closedLoaded: false, conversation: null };
  update({ session: null, starting: false, signInProblem: problem, link: "connecting", dialog: null, ...nothingLoaded });
}

// What is shown

function route() {
  const openId = /^#\/c\/([0-9a-f-]{36})$/.exec(location.hash)?.[1] ?? null;
  if (openId === state.openId) return;
  // A dialog is about the conversation over which it was opened.
  update({ openId, conversation: null, conversationProblem: "", outcomeId: null, problem: "", dialog: null });
  wasAtEnd = true;
  followShown();
  if (openId && state.session) {
    refreshConversation();
    queueMicrotask(() => document.getElementById("conversation")?.focus());
  }
}

// A conversation in the list is followed anyway; another one has to be asked for.
function followShown() {
  if (!state.session) return;
  const listed = [...state.lines, ...state.quarantined].some((line) => line.conversation_id === state.openId && !line.closed_at);
  live.follow(listed ? null : state.openId);
}

function onNews(ids) {
  refreshLines();
  if (state.openId && (ids === null || ids.includes(state.openId))) refreshConversation();
}

const refreshLines = coalesced(state, ended, async () => {
  const { session } = state;
  const closedLoaded = state.view === "closed";
  const statuses = closedLoaded ? [...LIVE, ...CLOSED] : LIVE;
  const known = new Set(state.lines.map((line) => line.escalation_id));
  const [lines, quarantined] = await Promise.all([api.fetchEscalations(statuses), api.fetchQuarantined()]);
  if (session !== state.session) return;
  const toldOf = new Map(state.lines.map((line) => [line.escalation_id, line.undelivered_at]));
  const failed = state.loaded ? lines.filter((line) => line.undelivered_at && toldOf.get(line.escalation_id) !== line.undelivered_at) : [];
  const fresh = state.loaded ? lines.filter((line) => line.status === "open" && !known.has(line.escalation_id)) : [];
  update({ lines, quarantined, loaded: true, closedLoaded, now: Date.now() });
  followShown();
  if (fresh.length === 1) announce(`New escalation: ${fresh[0].customer_name || "no name"}, ${label(fresh[0].reason_code)}`);
  if (fresh.length > 1) announce(`${fresh.length} new escalations`);
  if (failed.length > 0) announce(`Not delivered: the reply to ${failed.map((line) => line.customer_name || "no name").join(", ")}`);
});

const refreshConversation = coalesced(state, ended, async () => {
  const { openId, session } = state;
  if (!openId) return;
  const isPast = () => openId !== state.openId || session !== state.session;
  try {
    const conversation = await api.fetchConversation(openId);
    if (isPast()) return;
    const turns = conversation.outcomes.filter((outcome) => outcome.trace.length > 0);
    const followsLast = !turns.some((turn) => turn.outcome_id === state.outcomeId) || state.outcomeId === lastTurn(state.conversation);
    update({ conversation, conversationProblem: "", outcomeId: followsLast ? (turns.at(-1)?.outcome_id ?? null) : state.outcomeId });
  } catch (error) {
    if (!isPast() && !state.conversation) update({ conversationProblem: error.message });
    throw error;
  }
});

const lastTurn = (conversation) => conversation?.outcomes.filter((outcome) => outcome.trace.length > 0).at(-1)?.outcome_id;

// What an operator does

const acts = new Acts(state, update, ended);

async function act(name, run, done) {
  if (!(await acts.run(name, run, done)) || !state.session) return;
  await Promise.all([refreshConversation(), refreshLines()]);
}

// What is being written in a conversation, and the key under which it was tried to send which text.
function draft(id) {
  if (!drafts.has(id)) drafts.set(id, { text: "", tried: null, key: "" });
  return drafts.get(id);
}

// crypto.randomUUID is missing where the page does not come by TLS.
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

function ask(dialog) {
  asked += 1;
  update({ dialog, from: state.conversation?.owner });
}

const standingNow = () => (state.conversation ? standing(state.conversation, state.session.operator).kind : "none");

const actions = {
  show(view) {
    update({ view });
    if (view === "closed") refreshLines();
  },
  showTeam: (team) => update({ team }),
  showOutcome(outcomeId) {
    update({ outcomeId });
    queueMicrotask(() => document.getElementById("seen")?.scrollIntoView({ block: "nearest" }));
  },
  dismiss: () => update({ problem: "" }),
  ask,
  closed: (event) => !event.target.open && update({ dialog: null }),
  draft,
  write(text) {
    draft(state.openId).text = text;
    update();
  },
  take() {
    if (standingNow() === "theirs") return ask("takeFrom");
    return act("take", (id) => api.take(id), "You have this conversation");
  },
  takeFrom() {
    const { from } = state;
    return act("take", (id) => api.take(id, from), "You have this conversation");
  },
  reply() {
    const written = draft(state.openId);
    const text = written.text.trim();
    if (!text || acts.isUnderWay("reply")) return;
    // The same text again has the same key, so that a lost answer does not send it twice; another text is another reply.
    if (written.tried !== text) Object.assign(written, { tried: text, key: newKey() });
    const send = async (id) => {
      await api.reply(id, text, written.key);
      Object.assign(written, { tried: null, text: written.text.trim() === text ? "" : written.text });
    };
    return act("reply", send, "Your reply is on its way");
  },
  handBack: (note) => act("handBack", (id) => api.handBack(id, note), "Handed back to the FTE"),
  resolve: (note) => act("resolve", (id) => api.resolve(id, note), "Resolved"),
  release: () => act("release", api.release, "Released to the FTE"),
  discard: () => act("discard", api.discard, "Discarded as spam"),
  triage: (changes) => act(`triage ${JSON.stringify(changes)}`, (id) => api.triage(id, changes), "Assigned"),
};

listenForKeys(state, actions, { route, refreshConversation, standingNow });
window.addEventListener("hashchange", route);
setInterval(() => update({ now: Date.now() }), CLOCK_MS);

// Nothing tells a script whether there is a session; who signed in here before has left a name.
async function start() {
  if (state.rememberedName) {
    try {
      return begin(await api.readSession());
    } catch (error) {
      if (error.status !== 401) update({ signInProblem: error.message });
    }
  }
  update({ starting: false });
}

start();
