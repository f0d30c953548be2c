// The checks of the form, by the same rules as the server's: they come from its models with the page.

const schema = JSON.parse(document.getElementById("rules").textContent);

export const limits = (field) => schema[field];

const length = (text) => [...text].length; // code points, as the server counts them

/** What is wrong with a field's value, or an empty string. */
export function problemOf(field, value) {
  const rule = schema[field];
  const text = value.replace(/\r\n?/g, "\n").trim();
  if (rule.choices) return rule.choices.includes(text) ? "" : "Please choose one of the list.";
  if (text === "" || (rule.visible && !new RegExp(rule.visible, "u").test(text))) {
    return rule.required ? "Please fill in this field." : "";
  }
  if (length(text) > rule.maxLength) {
    return `Please shorten this to ${rule.maxLength.toLocaleString()} characters (now ${length(text).toLocaleString()}).`;
  }
  if (rule.forbidden && new RegExp(rule.forbidden, "u").test(text)) {
    return "Please remove the control characters in this text.";
  }
  if (rule.pattern && !new RegExp(rule.pattern, "u").test(text)) {
    return rule.format === "email" ? "Please enter an address like name@example.com." : "Please check this field.";
  }
  return "";
}

/** The value as it is sent: lone surrogates, which are no text, become the replacement character. */
export const clean = (value) => {
  const text = value.replace(/\r\n?/g, "\n").trim();
  return text.toWellFormed ? text.toWellFormed() : text;
};

export const left = (field, value) => schema[field].maxLength - length(value.trim());
