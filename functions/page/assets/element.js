// Making, finding and marking elements. Texts become text nodes: nothing in a notification is ever read as HTML.

/** An element with these attributes (those that are undefined are left out) and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** Characters that cannot be seen, or turn the text around them, and make one user look like another. A space between words is fine. */
const UNSEEN = /[\p{C}\p{DI}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}|^ | (?= |$)/gu;

/** A user's name with what cannot be seen in it spelt out, such as [U+202E]. */
export function readable(name) {
  return name.replace(UNSEEN, (c) => `[U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Says below a form's field what is wrong with it, or with no text, that nothing is. */
export function mark(field, text = "") {
  const id = `${field.id}-wrong`;
  byId(id)?.remove();
  const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((other) => other && other !== id);
  if (text) {
    described.push(id);
    field.after(element("p", { id, class: "wrong" }, text));
    field.closest("details")?.setAttribute("open", "");
    field.focus();
  }
  field.setAttribute("aria-invalid", String(text !== ""));
  if (described.length > 0) field.setAttribute("aria-describedby", described.join(" "));
  else field.removeAttribute("aria-describedby");
}
