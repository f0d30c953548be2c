// The page behind the link of a mail. Nothing happens until a button is pressed: programs that look at links before
// people do open them, but answer nothing. The token stays in the fragment, which browsers send to nobody.

const fields = new URLSearchParams(location.hash.slice(1));
const token = fields.get("token") ?? "";
const ticket = fields.get("ticket") ?? "";
const element = (id) => document.getElementById(id);
const buttons = [element("yes"), element("no")];

function show(name) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
  element(name).querySelector("h1").focus();
}

function complain() {
  element("away").textContent = element("away-text").content.textContent;
}

async function answer(mine) {
  element("away").textContent = "";
  for (const button of buttons) button.disabled = true;
  try {
    const response = await fetch("/support/confirm", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, mine }),
      credentials: "omit",
      referrerPolicy: "no-referrer",
    });
    if (response.ok) finish(mine, await response.json());
    else if (response.status >= 500 || response.status === 429) complain();
    else show("gone");
  } catch {
    complain();
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function finish(mine, { ticket_id: id, access_token: access }) {
  if (!mine) return show("declined");
  element("open").href = `/#${new URLSearchParams({ ticket: id, token: access })}`;
  return show("done");
}

for (const link of document.querySelectorAll(".languages a")) {
  link.addEventListener("click", () => { link.hash = location.hash; });
}
if (/^TF-[0-9]{8}-[0-9]{4,12}$/.test(ticket)) {
  element("request").querySelector("bdi").textContent = ticket;
  element("request").hidden = false;
}
element("yes").addEventListener("click", () => answer(true));
element("no").addEventListener("click", () => answer(false));
if (!token) show("gone");
