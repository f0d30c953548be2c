// The desk: one state, drawn anew after each change. Everything that others wrote is drawn as text.

import { html, nothing, render } from "./vendor/lit-html/lit-html.js";
import * as api from "./api.js";
import { listenForKeys } from "./keys.js";
import { Live } from "./live.js";
import { contextView } from "./view/context.js";
import { conversationView } from "./view/conversation.js";
import { dialogView } from "./view/dialogs.js";
import { VIEWS, queueView, shownLines } from "./view/queue.js";
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
  loaded: false,
  link: "live",
  openId: null,
  conversation: null,
  conversationProblem: "",
  outcomeId: null,
  problem: "",
  busy: null,
  dialog: null,
  now: Date.now(),
};
const drafts = new Map();
const root = document.getElementById("desk");
const announcer = document.getElementById("announce");
const live = new Live(onNews, (link) => update({ link }));

let drawing = false;
let shownDialog = null;
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
  render(state.starting ? nothing : state.session ? deskView() : signInView(state, { signIn }), root);
  showDialog(document.getElementById("dialog"));
  const waiting = state.lines.filter((line) => line.status === "open").length;
  document.title = state.session && waiting ? `(${waiting}) Support desk` : "Support desk";
  const timeline = document.getElementById("timeline");
  if (timeline && wasAtEnd) timeline.scrollTop = timeline.scrollHeight;
}

// Opened once for each time that it is asked for: a dialog that has just closed itself tells so only afterwards.
function showDialog(dialog) {
  const wanted = dialog ? state.dialog : null;
  if (wanted === shownDialog) return;
  shownDialog = wanted;
  if (wanted) dialog.showModal();
}

function deskView() {
  return html`
    <header class="bar">
      <a class="brand" href="#/"><img src="/desk/assets/icon.svg" alt="" width="24" height="24"><span>Support desk</span></a>
      <form class="find" role="search" @submit=${find}>
        <label class="visually-hidden" for="find">Find a ticket, an e-mail address or a phone number</label>
        <input id="find" name="what" type="search" placeholder="Ticket, e-mail or phone" autocomplete="off" spellcheck="false" aria-keyshortcuts="/">
      </form>
      <span class="link-state ${state.link}" id="link-state">${state.link === "live" ? "Live" : "Looks every 5 s"}</span>
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

function announce(text) {
  announcer.textContent = "";
  requestAnimationFrame(() => (announcer.textContent = text));
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
  end("");
}

function begin(session) {
  update({ session, starting: false, signInProblem: "", rememberedName: session.operator });
  route();
  live.follow(null);
}

function end(problem) {
  live.stop();
  update({ session: null, starting: false, signInProblem: problem, lines: [], loaded: false, conversation: null, dialog: null });
}

// What is shown

function route() {
  const openId = /^#\/c\/([0-9a-f-]{36})$/.exec(location.hash)?.[1] ?? null;
  if (openId === state.openId) return;
  update({ openId, conversation: null, conversationProblem: "", outcomeId: null, problem: "" });
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
  const listed = state.lines.some((line) => line.conversation_id === state.openId && line.closed_at === null);
  live.follow(listed ? null : state.openId);
}

function onNews(ids) {
  refreshLines();
  if (state.openId && (ids === null || ids.includes(state.openId))) refreshConversation();
}

const refreshLines = coalesced(async () => {
  const statuses = state.view === "closed" ? [...LIVE, ...CLOSED] : LIVE;
  const known = new Set(state.lines.map((line) => line.escalation_id));
  const lines = await api.fetchEscalations(statuses);
  const fresh = state.loaded ? lines.filter((line) => line.status === "open" && !known.has(line.escalation_id)) : [];
  update({ lines, loaded: true, now: Date.now() });
  followShown();
  if (fresh.length === 1) announce(`New escalation: ${fresh[0].customer_name || "no name"}, ${label(fresh[0].reason_code)}`);
  if (fresh.length > 1) announce(`${fresh.length} new escalations`);
});

const refreshConversation = coalesced(async () => {
  const openId = state.openId;
  if (!openId) return;
  try {
    const conversation = await api.fetchConversation(openId);
    if (openId !== state.openId) return;
    const turns = conversation.outcomes.filter((outcome) => outcome.trace.length > 0);
    const followsLast = !turns.some((turn) => turn.outcome_id === state.outcomeId) || state.outcomeId === lastTurn(state.conversation);
    update({ conversation, conversationProblem: "", outcomeId: followsLast ? (turns.at(-1)?.outcome_id ?? null) : state.outcomeId });
  } catch (error) {
    if (openId === state.openId && !state.conversation) update({ conversationProblem: error.message });
    throw error;
  }
});

const lastTurn = (conversation) => conversation?.outcomes.filter((outcome) => outcome.trace.length > 0).at(-1)?.outcome_id;

// One run at a time, and one more after it when it was asked for meanwhile.
function coalesced(run) {
  let running = null;
  let again = false;
  return function ask() {
    if (running) {
      again = true;
      return running;
    }
    running = (async () => {
      do {
        again = false;
        try {
          await run();
        } catch (error) {
          if (error.status === 401 && state.session) end("Your session has ended. Sign in again; what you wrote is kept.");
          else if (error.status === undefined) throw error;
        }
      } while (again && state.session);
      running = null;
    })();
    return running;
  };
}

// What an operator does

async function act(name, run, done) {
  if (state.busy !== null || !state.openId) return false;
  update({ busy: name, problem: "" });
  try {
    await run(state.openId);
    announce(done);
    return true;
  } catch (error) {
    if (error.status === 401) end("Your session has ended. Sign in again; what you wrote is kept.");
    else if (error.status === undefined) throw error;
    else update({ problem: error.message });
    return false;
  } finally {
    update({ busy: null });
    if (state.session) await Promise.all([refreshConversation(), refreshLines()]);
  }
}

function draft(id) {
  if (!drafts.has(id)) drafts.set(id, { text: "", key: crypto.randomUUID() });
  return drafts.get(id);
}

function ask(dialog) {
  update({ dialog });
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
  closed: () => update({ dialog: null }),
  draft,
  write(text) {
    draft(state.openId).text = text;
    update();
  },
  take() {
    if (standingNow() === "theirs") return ask("takeFrom");
    return act("take", (id) => api.take(id), "You have this conversation");
  },
  takeFrom: () => act("take", (id) => api.take(id, state.conversation.owner), "You have this conversation"),
  async reply() {
    const written = draft(state.openId);
    if (!written.text.trim()) return;
    const sent = await act("reply", (id) => api.reply(id, written.text.trim(), written.key), "Your reply is on its way");
    // A text that was not taken keeps its key, so that sending it again sends it once.
    if (sent) Object.assign(written, { text: "", key: crypto.randomUUID() });
    update();
  },
  handBack: (note) => act("handBack", (id) => api.handBack(id, note), "Handed back to the FTE"),
  resolve: (note) => act("resolve", (id) => api.resolve(id, note), "Resolved"),
  triage: (changes) => act("triage", (id) => api.triage(id, changes), "Assigned"),
};

async function find(event) {
  event.preventDefault();
  const input = event.target.elements.what;
  const what = input.value.trim();
  if (!what) return;
  try {
    const id = /^TF-/i.test(what) ? (await api.findTicket(what.toUpperCase())).conversation_id : await findOfCustomer(what);
    input.value = "";
    input.blur();
    location.hash = `#/c/${id}`;
  } catch (error) {
    if (error.status === 401) return end("Your session has ended. Sign in again.");
    input.setCustomValidity(error.message);
    input.reportValidity();
    input.addEventListener("input", () => input.setCustomValidity(""), { once: true });
  }
}

// The latest conversation of who proved the address, else of who claimed it last.
async function findOfCustomer(what) {
  const found = await api.findCustomer(what.includes("@") ? "email" : "phone", what);
  const customers = [found.verified, ...found.claimed].filter(Boolean);
  const lines = customers.flatMap((customer) => customer.conversations);
  if (lines.length === 0) throw new api.ApiError(404, "No conversation of this customer.");
  return lines[0].conversation_id;
}

// Keyboard

function moveInList(step) {
  const ids = shownLines(state).map((line) => line.conversation_id);
  if (ids.length === 0) return false;
  const focused = document.activeElement?.dataset?.line;
  const from = ids.indexOf(focused ?? state.openId);
  const to = from < 0 ? (step > 0 ? 0 : ids.length - 1) : Math.min(ids.length - 1, Math.max(0, from + step));
  const line = document.querySelectorAll("a.line")[to];
  line?.focus();
  line?.scrollIntoView({ block: "nearest" });
}

function focusOn(id) {
  const element = document.getElementById(id);
  if (!element) return false;
  element.focus();
  element.scrollIntoView({ block: "nearest" });
}

// Arrows move through the list only from within it: elsewhere they scroll.
const arrow = (step) => () => (document.activeElement?.closest(".queue") || !state.openId ? moveInList(step) : false);

// A key that comes while the conversation is being read waits for it.
function inConversation(run, ...kinds) {
  return () => {
    if (!state.openId) return false;
    const openId = state.openId;
    const act = () => openId === state.openId && (kinds.length === 0 || kinds.includes(standingNow())) && run();
    if (state.conversation) act();
    else refreshConversation().then(() => state.conversation && act());
  };
}

listenForKeys({
  j: () => moveInList(1),
  k: () => moveInList(-1),
  ArrowDown: arrow(1),
  ArrowUp: arrow(-1),
  u: () => document.querySelector("a.line[aria-current=true], a.line")?.focus(),
  "/": () => focusOn("find"),
  "?": () => (state.session ? ask("keys") : false),
  t: inConversation(actions.take, "waiting", "fte", "theirs"),
  r: inConversation(() => focusOn("reply")),
  h: inConversation(() => ask("handBack"), "mine", "waiting"),
  e: inConversation(() => ask("resolve"), "mine", "waiting", "fte"),
  c: inConversation(() => focusOn("category")),
  p: inConversation(() => focusOn("priority")),
  w: inConversation(() => focusOn("seen")),
  ...Object.fromEntries(VIEWS.map(([name], place) => [String(place + 1), () => (state.session ? actions.show(name) : false)])),
});

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
