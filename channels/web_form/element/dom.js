// Making nodes without markup, so that no text can become markup and a page's policy may be as strict as it likes.

/** An element: properties that begin with "on" are listeners, null and false are left out, true is an empty value. */
export function h(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const LINK = /https?:\/\/[^\s<>"'()[\]]*[^\s<>"'()[\].,;:!?]/g;

/** Text with its web addresses as links. */
export function linked(text) {
  const parts = document.createDocumentFragment();
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    parts.append(text.slice(from, match.index));
    parts.append(h("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]));
    from = match.index + match[0].length;
  }
  parts.append(text.slice(from));
  return parts;
}

/** A button that shows when it is at work; a click meanwhile does nothing. */
export function busyButton(id, label) {
  return h("button", { type: "submit", id, class: "primary", part: "button" }, h("span", { class: "label" }, label));
}

export const isBusy = (button) => button.getAttribute("aria-busy") === "true";

export const setBusy = (button, busy) =>
  busy ? button.setAttribute("aria-busy", "true") : button.removeAttribute("aria-busy");
