// Keyboard shortcuts: one letter, while nothing is being typed and no dialog is open.

import { VIEWS } from "./view/queue.js";

export const SHORTCUTS = [
  ["j or ↓", "Next in the list"],
  ["k or ↑", "Previous in the list"],
  ["Enter", "Open the one in focus"],
  ["u", "Back to the list"],
  ["1 2 3 4 5", "Waiting, mine, all live, closed, quarantine"],
  ["/", "Find a ticket or a customer"],
  ["t", "Take over"],
  ["r", "Write a reply"],
  ["Ctrl Enter", "Send the reply"],
  ["h", "Hand back to the FTE"],
  ["e", "Resolve"],
  ["l", "Release from quarantine"],
  ["d", "Discard as spam"],
  ["c", "Category"],
  ["p", "Priority"],
  ["w", "What the FTE saw"],
  ["Esc", "Leave a field or a dialog"],
  ["?", "These shortcuts"],
];

const typing = (element) => element?.closest("input, textarea, select");

export function listenForKeys(state, actions, { route, refreshConversation, standingNow }) {
  // A key that comes while the conversation is being read waits for it. What waits behind one that opens a dialog or
  // a field was meant to be written there: it is no shortcut.
  const isFree = () => !state.dialog && !typing(document.activeElement);
  const inConversation = (run, ...kinds) => () => {
    const { openId } = state;
    if (!openId) return false;
    const act = () => (kinds.length === 0 || kinds.includes(standingNow())) && run();
    if (state.conversation) act();
    else refreshConversation().then(() => openId === state.openId && state.conversation && isFree() && act());
  };
  // Arrows move through the list only from within it: elsewhere they scroll.
  const arrow = (step) => () => (document.activeElement.closest(".queue") || !state.openId ? moveInList(step) : false);
  const bindings = {
    j: () => moveInList(1),
    k: () => moveInList(-1),
    ArrowDown: arrow(1),
    ArrowUp: arrow(-1),
    u: () => document.querySelector("a.line[aria-current=true], a.line")?.focus(),
    "/": () => focusOn("find"),
    "?": () => actions.ask("keys"),
    t: inConversation(actions.take, "waiting", "fte", "theirs"),
    r: inConversation(() => focusOn("reply")),
    h: inConversation(() => actions.ask("handBack"), "mine", "waiting"),
    e: inConversation(() => actions.ask("resolve"), "mine", "waiting", "fte"),
    l: inConversation(actions.release, "quarantined"),
    d: inConversation(() => actions.ask("discard"), "quarantined"),
    c: inConversation(() => focusOn("category")),
    p: inConversation(() => focusOn("priority")),
    w: inConversation(() => focusOn("seen")),
    ...Object.fromEntries(VIEWS.map(([name], place) => [String(place + 1), () => actions.show(name)])),
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!state.session || document.querySelector("dialog[open]")) return;
    const field = typing(event.target);
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    route(); // a browser tells in a later task that a link was followed
    // A binding that returns false leaves the key to the browser.
    if (!Object.hasOwn(bindings, event.key) || bindings[event.key]() === false) return;
    event.preventDefault();
  });
}

function moveInList(step) {
  const lines = [...document.querySelectorAll("a.line")];
  if (lines.length === 0) return false;
  const focused = lines.indexOf(document.activeElement);
  const from = focused >= 0 ? focused : lines.findIndex((line) => line.getAttribute("aria-current") === "true");
  const first = step > 0 ? 0 : lines.length - 1;
  const line = lines[from < 0 ? first : Math.min(lines.length - 1, Math.max(0, from + step))];
  line.focus();
  line.scrollIntoView({ block: "nearest" });
}

function focusOn(id) {
  const element = document.getElementById(id);
  if (!element) return false;
  element.focus();
  element.scrollIntoView({ block: "nearest" });
}
