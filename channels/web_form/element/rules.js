// The checks of the form, by the same rules as the server's: `schema.js` is made of the server's models.

import SCHEMA from "./schema.js";

export const FIELDS = Object.keys(SCHEMA);
export const limits = (field) => SCHEMA[field];

const unified = (value) => value.replace(/\r\n?/g, "\n").trim();
const length = (text) => [...text].length; // code points, as the server counts them

/** What is wrong with a field's value: the key of a text with its values, or null. */
export function problemOf(field, value) {
  const rule = SCHEMA[field];
  const text = unified(value);
  if (rule.choices) return rule.choices.includes(text) ? null : { key: "problem.choice" };
  if (text === "" || (rule.visible && !new RegExp(rule.visible, "u").test(text))) {
    return rule.required ? { key: "problem.required" } : null;
  }
  if (length(text) > rule.maxLength) {
    return { key: "problem.long", values: { limit: rule.maxLength, length: length(text) } };
  }
  if (rule.forbidden && new RegExp(rule.forbidden, "u").test(text)) return { key: "problem.controls" };
  if (rule.pattern && !new RegExp(rule.pattern, "u").test(text)) {
    return { key: rule.format === "email" ? "problem.email" : "problem.other" };
  }
  return null;
}

/** The value as it is sent: lone surrogates, which are no text, become the replacement character. */
export const clean = (value) => {
  const text = unified(value);
  return text.toWellFormed ? text.toWellFormed() : text;
};

/** How many characters still fit; negative when there are too many. */
export const left = (field, value) => SCHEMA[field].maxLength - length(unified(value));
