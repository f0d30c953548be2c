// How the desk names things and times.

export const CHANNELS = { email: "E-mail", whatsapp: "WhatsApp", web_form: "Web form" };
export const BY_CHANNEL = { email: "by e-mail", whatsapp: "on WhatsApp", web_form: "through the web form" };
export const TEAMS = { billing: "Billing", legal: "Legal", security: "Security", technical: "Technical", general: "General" };
export const CATEGORIES = ["general", "technical", "billing", "account", "bug_report", "feedback"];
export const PRIORITIES = ["low", "medium", "high", "urgent"];

export function label(code) {
  const words = String(code ?? "").replaceAll("_", " ");
  return words ? words[0].toUpperCase() + words.slice(1) : "";
}

// "now", "4 min", "3 h 5 min", "2 d"
export function since(at, now) {
  const minutes = Math.max(0, Math.floor((now - Date.parse(at)) / 60_000));
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
  return `${Math.floor(minutes / 1440)} d`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const clock = (at) => CLOCK.format(new Date(at));
export const day = (at) => DAY.format(new Date(at));
export const whole = (at) => WHOLE.format(new Date(at));

export const signed = (number, digits = 2) => `${number < 0 ? "−" : "+"}${Math.abs(number).toFixed(digits)}`;

export function mood(score) {
  if (score <= -0.3) return "upset";
  return score >= 0.3 ? "pleased" : "neutral";
}

export const moodText = (score) => (score === 0 ? "Neutral" : `${label(mood(score))} ${signed(score)}`);

export const initials = (name) =>
  name
    .split(/[\s.@_-]+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((part) => [...part][0].toUpperCase())
    .join("");

// What the customer wrote, out of the summary that the handover carries.
export function gist(summary) {
  const wrote = /^The customer wrote: (.*)$/m.exec(summary);
  return wrote ? wrote[1] : summary.split("\n")[0];
}

// The summary without its reason's code, which stands above it in words.
export const readable = (summary, reason) => (summary.startsWith(`${reason}: `) ? summary.slice(reason.length + 2) : summary);

const SUSPICIONS = {
  hidden_field: "a field that people do not see was filled in",
  too_fast: "it was sent faster than anybody writes",
  recipient_rate: "many requests named this e-mail address within an hour",
  sender_rate: "many requests came from one sender, or much mail that nobody vouches for, within an hour",
};

export const suspicions = (reasons) => reasons.map((reason) => SUSPICIONS[reason] ?? label(reason).toLowerCase()).join("; ");

// "900 bytes", "12 kB", "3.4 MB"
export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

// Who has a conversation, seen by an operator.
export function standing(conversation, me) {
  if (conversation.quarantine?.waits) return { kind: "quarantined", text: "In quarantine" };
  if (conversation.state === "resolved") return { kind: "resolved", text: "Resolved" };
  if (conversation.state === "open") return { kind: "fte", text: "With the FTE" };
  if (conversation.owner === null) return { kind: "waiting", text: "Waits for a person" };
  if (conversation.owner === me) return { kind: "mine", text: "With you" };
  return { kind: "theirs", text: `With ${conversation.owner}` };
}
