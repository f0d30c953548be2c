// What the page adds to its <support-form>: the title of the tab, and language links that keep the request open.

const title = document.title;

document.addEventListener("support-form-view", ({ detail }) => {
  document.title = detail.view === "conversation" ? `${detail.ticket} · ${title}` : title;
  if (detail.view === "conversation") window.scrollTo(0, 0);
});

for (const link of document.querySelectorAll(".languages a")) {
  link.addEventListener("click", () => { link.hash = location.hash; });
}
