// Tells screen readers what happened.

const announcer = document.getElementById("announce");
const texts = [];

// What is told within one frame is told together. Of what happens while nobody sees the page, the last is enough.
export function announce(text) {
  if (document.hidden) texts.length = 0;
  texts.push(text);
  announcer.textContent = "";
  requestAnimationFrame(() => {
    if (texts.length > 0) announcer.textContent = texts.splice(0).join(". ");
  });
}
