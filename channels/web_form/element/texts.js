// The texts in the customer's language. Each language is a file of its own, loaded when it is needed.

import DIRECTIONS from "./languages.js";
import ENGLISH from "./texts/en.js";

/** The language that we have for a language tag, found by dropping its last part until one fits (RFC 4647, 3.4). */
function lookUp(tag) {
  for (const parts = tag.toLowerCase().split("-"); parts.length > 0; parts.pop()) {
    if (Object.hasOwn(DIRECTIONS, parts.join("-"))) return parts.join("-");
  }
  return null;
}

/** The language tags that count for an element: its own, those of what it stands in, then the browser's. */
function* wanted(element) {
  for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
    const tag = at.getAttribute("lang");
    if (tag) yield tag;
  }
  yield* navigator.languages;
}

const canonical = (tag) => {
  try {
    return Intl.getCanonicalLocales(tag.replaceAll("_", "-"))[0] ?? "";
  } catch {
    return ""; // not a language tag
  }
};

/** A page says "en" and means every English; how its reader writes dates is the browser's to say. */
const regional = (language) => navigator.languages.find((tag) => lookUp(tag) === language) ?? language;

/** {language, tag}: the first that we have, else English. The tag is what dates and numbers are written for. */
export function chooseLanguage(element) {
  for (const each of wanted(element)) {
    const tag = canonical(each);
    const language = lookUp(tag);
    if (language) return { language, tag: tag === language ? regional(language) : tag };
  }
  return { language: "en", tag: "en" };
}

/** The texts of a chosen language. One that cannot be had, and a text that is missing in it, is English. */
export async function loadTexts({ language, tag }) {
  let own = ENGLISH;
  if (language !== "en") own = await import(`./texts/${language}.js`).then((module) => module.default, () => ENGLISH);
  return new Texts(own === ENGLISH && language !== "en" ? { language: "en", tag: "en" } : { language, tag }, own);
}

class Texts {
  #own;

  constructor({ language, tag }, own) {
    this.language = language;
    this.direction = DIRECTIONS[language];
    this.#own = own;
    this.clock = new Intl.DateTimeFormat(tag, { timeStyle: "short" });
    this.calendar = new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short" });
    this.number = new Intl.NumberFormat(tag);
    this.tag = tag;
  }

  /** The text of a key with its `{names}` filled in; numbers are written as the language does. */
  get(key, values = {}) {
    const fill = (whole, name) => {
      const value = values[name];
      return typeof value === "number" ? this.number.format(value) : value ?? whole;
    };
    return (this.#own[key] ?? ENGLISH[key] ?? key).replace(/\{([a-z_]+)\}/g, fill);
  }

  /** The server's length of time, such as "5 minutes", in this language. */
  duration(words) {
    const parts = /^(\d+) (minute|hour|day)s?$/.exec(words);
    if (!parts) return words;
    const format = new Intl.NumberFormat(this.tag, { style: "unit", unit: parts[2], unitDisplay: "long" });
    return format.format(Number(parts[1]));
  }

  /** A point in time; of today the time of day is enough. */
  when(iso) {
    const at = new Date(iso);
    return (at.toDateString() === new Date().toDateString() ? this.clock : this.calendar).format(at);
  }
}
