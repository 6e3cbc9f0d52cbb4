// Where there is no forecast: what went wrong, the rows at fault, and how to go on.

import { Problem } from "./api.js";
import { byId, element, scrolling, table } from "./dom.js";
import { duration } from "./numbers.js";
import { inWords } from "./words.js";

/** The gateway names no more of them. */
const MOST_LISTED = 20;

const section = byId("problem");
let ticking = 0;

export function hideProblem() {
  clearInterval(ticking);
  section.hidden = true;
  section.replaceChildren();
}

/**
 * Say it, and move the focus there.
 * @param {unknown} error
 * @param {import("./meter_file.js").MeterFile | null} file whose lines are shown
 * @param {() => void} retry
 */
export function showProblem(error, file, retry) {
  hideProblem();
  const { title, detail, advice } = inWords(error);
  const heading = element("h2", { id: "problem-title", tabIndex: -1 }, title || detail);
  section.append(heading);
  const problem = error instanceof Problem ? error : null;
  const rows = problem?.errors.filter((violation) => violation.row || violation.line) ?? [];
  const isListed = rows.length > 0 && file !== null;
  if (title && detail && !isListed) section.append(element("p", { className: "detail" }, detail));
  if (advice) section.append(element("p", {}, advice));
  if (isListed) section.append(scrolling("Rows at fault", faulty(rows, file)));
  if (problem && [0, 429, 502, 503, 504].includes(problem.status)) {
    section.append(retryButton(problem.retryAfterS, retry));
  }
  section.hidden = false;
  heading.focus();
}

/**
 * @param {import("./api.js").Violation[]} violations
 * @param {import("./meter_file.js").MeterFile} file
 */
function faulty(violations, file) {
  const rows = violations.map(({ row, line, column, message }) => [
    String(row ?? "–"),
    String(line ?? "–"),
    column ?? "–",
    message,
    element("code", {}, file.line(line)),
  ]);
  const first = rows.length < MOST_LISTED ? "" : `, the first ${MOST_LISTED} of them`;
  const made = table(
    `Rows at fault in ${file.name}${first}`,
    ["Row", "Line", "Column", "What is wrong", "What the line says"],
    rows,
  );
  made.classList.add("faulty");
  return made;
}

/**
 * A button that waits until trying again makes sense.
 * @param {number} waitS
 * @param {() => void} retry
 */
function retryButton(waitS, retry) {
  const button = element("button", { type: "button", className: "primary", onclick: retry });
  const from = Date.now() + waitS * 1000;
  const look = () => {
    const leftS = Math.ceil((from - Date.now()) / 1000);
    button.disabled = leftS > 0;
    button.textContent = button.disabled ? `Try again in ${duration(leftS)}` : "Try again";
    if (!button.disabled) clearInterval(ticking);
  };
  ticking = setInterval(look, 500);
  look();
  return element("p", {}, button);
}
