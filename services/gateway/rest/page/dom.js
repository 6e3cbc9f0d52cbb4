// Elements, found and made.

/**
 * The element of the page that has an id.
 * @param {string} id
 * @returns {any} of the kind that index.html says
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

/**
 * A new element. Strings among its children become text: nothing that is given is ever read as HTML.
 * @param {string} name
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/**
 * A table with a header row and, in each row, a header cell.
 * @param {string} caption
 * @param {string[]} columns
 * @param {(Node | string)[][]} rows
 * @param {HTMLTableElement} [into] an empty one, where there is one already
 * @returns {HTMLTableElement}
 */
export function table(caption, columns, rows, into = element("table")) {
  const head = element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, name)));
  const body = rows.map(([first, ...cells]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, first),
      ...cells.map((cell) => element("td", {}, cell)),
    ),
  );
  into.replaceChildren(
    element("caption", {}, caption),
    element("thead", {}, head),
    element("tbody", {}, ...body),
  );
  return into;
}

/**
 * A part of the page that scrolls sideways on its own, with the keyboard too.
 * @param {string} label
 * @param {Node} content
 */
export function scrolling(label, content) {
  const part = element("div", { className: "scroll", tabIndex: 0, role: "region" }, content);
  part.setAttribute("aria-label", label);
  return part;
}
