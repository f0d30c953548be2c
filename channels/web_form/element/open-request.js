// Which request is open: it is remembered where its token gets into no log.

/**
 * With `deepLink` the page's own fragment holds it, which browsers send to nobody. Without, it stays in the tab's
 * storage: the address belongs to the page that embeds the form, and what watches that page may record it.
 */
export class OpenRequest {
  #base;
  #deepLink;

  constructor(base, deepLink) {
    this.#base = base;
    this.#deepLink = deepLink;
  }

  /** {ticket, token}, or null. */
  read() {
    const kept = this.#deepLink ? location.hash.slice(1) : recall(this.#key("open"));
    const fields = new URLSearchParams(kept);
    const [ticket, token] = [fields.get("ticket"), fields.get("token")];
    return ticket && token ? { ticket, token } : null;
  }

  /** Remembers an answer of the server as the open request. */
  keep({ ticket_id: ticket, access_token: token, estimated_response_time: expected }) {
    remember(this.#key(`expected ${ticket}`), expected);
    const fields = fragment({ ticket, token });
    if (this.#deepLink) history.pushState(null, "", `#${fields}`);
    else remember(this.#key("open"), fields);
  }

  forget() {
    if (this.#deepLink) history.pushState(null, "", location.pathname + location.search);
    else remember(this.#key("open"), "");
  }

  /** The address that opens a request again, in this page or in the support site's own. */
  link(request) {
    const address = new URL(this.#deepLink ? location.href : this.#base);
    address.hash = fragment(request);
    return address.href;
  }

  /** How long an answer was expected to take, as the server said it; "" when that is not known. */
  expected({ ticket }) {
    return recall(this.#key(`expected ${ticket}`));
  }

  #key(name) {
    return `support-form ${this.#base} ${name}`;
  }
}

const fragment = ({ ticket, token }) => new URLSearchParams({ ticket, token }).toString();

const memory = new Map(); // for pages whose storage is off: as long as they are open

function remember(key, value) {
  memory.set(key, value);
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // As said.
  }
}

function recall(key) {
  try {
    return sessionStorage.getItem(key) ?? memory.get(key) ?? "";
  } catch {
    return memory.get(key) ?? "";
  }
}
