// What the page adds to its <support-form>: a subject that a link names, the title of the tab, and language links that
// keep the request open. It runs before the element is defined.

const title = document.title;

const subject = new URLSearchParams(location.search).get("subject");
if (subject) document.querySelector("support-form").setAttribute("prefill-subject", subject.slice(0, 200));

document.addEventListener("support-form-view", ({ detail }) => {
  document.title = detail.view === "conversation" ? `${detail.ticket} · ${title}` : title;
  if (detail.view === "conversation") window.scrollTo(0, 0);
});

for (const link of document.querySelectorAll(".languages a")) {
  link.addEventListener("click", () => { link.hash = location.hash; });
}
