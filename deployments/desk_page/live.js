// Keeps the page up to date: server-sent events, and asking every few seconds while there are none.

const POLL_MS = 5_000;
const SAFETY_MS = 60_000;
const RETRY_MS = 20_000;

export class Live {
  // onNews(ids) with the conversations that have something new, null for "look at everything";
  // onLink("live" or "polling") when the way changes.
  constructor(onNews, onLink) {
    this.onNews = onNews;
    this.onLink = onLink;
    this.source = null;
    this.shown = undefined;
    this.timer = null;
  }

  // Also follow this conversation, wherever it stands; null for none.
  follow(conversationId) {
    if (conversationId === this.shown && this.source !== null) return;
    this.shown = conversationId;
    this.connect();
  }

  stop() {
    this.source?.close();
    this.source = null;
    this.shown = undefined;
    clearTimeout(this.timer);
    clearTimeout(this.retry);
  }

  connect() {
    this.source?.close();
    clearTimeout(this.retry);
    const query = this.shown ? `?conversation=${this.shown}` : "";
    const source = new EventSource(`/desk/events${query}`);
    this.source = source;
    source.addEventListener("ready", () => {
      this.onLink("live");
      this.onNews(null);
      this.wait(SAFETY_MS);
    });
    source.addEventListener("changed", (event) => this.onNews(JSON.parse(event.data).conversations));
    source.addEventListener("error", () => {
      // The browser resumes a stream that ended by itself, not one that was refused.
      if (source !== this.source || source.readyState !== EventSource.CLOSED) return;
      this.onLink("polling");
      this.wait(POLL_MS);
      this.retry = setTimeout(() => this.connect(), RETRY_MS);
    });
  }

  wait(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.onNews(null);
      this.wait(pause);
    }, pause);
  }
}
