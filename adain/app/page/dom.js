// @ts-check
/** Elements, made and found. */

/** The element of an id, which is there. @param {string} id @returns {any} */
export function $(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no #${id} in the page`);
  return found;
}

/**
 * An element with properties, and with what is in it.
 * @param {string} tag
 * @param {Record<string, any>} [properties] of the element; those with a hyphen are attributes, `data` is a dataset
 * @param {...(Node | string | null)} inside
 * @returns {any}
 */
export function make(tag, properties = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else /** @type {any} */ (element)[name] = value;
  }
  element.append(...inside.filter((each) => each !== null));
  return element;
}

/** @param {Element} button @param {boolean} is */
export function press(button, is) {
  button.setAttribute("aria-pressed", String(is));
}

/** Put children in place of others, and the focus back on the one of the same id or label. */
export function replace(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  parent.replaceChildren(...children);
  if (focused?.id) document.getElementById(focused.id)?.focus();
}

/** A name as people say it: of a file without its ending, of an option with a capital. @param {string} name */
export function spoken(name) {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
