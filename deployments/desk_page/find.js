// Finds a conversation by its ticket or its customer and opens it.

import * as api from "./api.js";

let looks = 0;

// Of several looks only the latest counts, in whatever order they are answered.
export async function find(event, onEnded) {
  event.preventDefault();
  const input = event.target.elements.what;
  const what = input.value.trim();
  if (!what) return;
  looks += 1;
  const look = looks;
  const isPast = () => look !== looks || input.value.trim() !== what;
  try {
    const id = /^TF-/i.test(what) ? (await api.findTicket(what.toUpperCase())).conversation_id : await findOfCustomer(what);
    if (isPast()) return;
    input.value = "";
    input.blur();
    location.hash = `#/c/${id}`;
  } catch (error) {
    if (error.status === 401) return onEnded();
    if (isPast()) return;
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
