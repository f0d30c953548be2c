// Keyboard shortcuts: one letter, while nothing is being typed and no dialog is open.

export const SHORTCUTS = [
  ["j or ↓", "Next in the list"],
  ["k or ↑", "Previous in the list"],
  ["Enter", "Open the one in focus"],
  ["u", "Back to the list"],
  ["1 2 3 4", "Waiting, mine, all live, closed"],
  ["/", "Find a ticket or a customer"],
  ["t", "Take over"],
  ["r", "Write a reply"],
  ["Ctrl Enter", "Send the reply"],
  ["h", "Hand back to the FTE"],
  ["e", "Resolve"],
  ["c", "Category"],
  ["p", "Priority"],
  ["w", "What the FTE saw"],
  ["Esc", "Leave a field or a dialog"],
  ["?", "These shortcuts"],
];

// `actions` maps a key to a function; one that returns false leaves the key to the browser.
export function listenForKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input, textarea, select");
    if (typing) {
      if (event.key === "Escape") typing.blur();
      return;
    }
    const action = actions[event.key];
    if (action === undefined || action() === false) return;
    event.preventDefault();
  });
}
