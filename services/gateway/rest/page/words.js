// What went wrong, and what to do about it.

import { Problem } from "./api.js";
import { duration } from "./numbers.js";
import { inSteps } from "./spoken.js";

const KEPT = "Your file and your choices are kept.";

/** What can be done about a file, by the rule that it breaks. */
const ABOUT_FILES = {
  gap:
    "Under “What the file does not say” missing {step}s can be filled, or an earlier load be taken for " +
    "an answer.",
  header:
    "If the load is in another column, name that under “What the file does not say”; there energies in kWh " +
    "can be declared, too.",
  clock_change: "Say under “What the file does not say” in which time zone its times are.",
  duplicate:
    "If it is the hour that an autumn’s clock shows twice, say under “What the file does not say” which " +
    "time zone its times are in.",
  value:
    "Mend these cells and drop the file anew. Rows that have no value may be left out: missing {step}s can " +
    "be filled.",
  time: "Mend these times and drop the file anew.",
  columns: "Mend these rows and drop the file anew.",
  order: "Sort the rows, oldest first, and drop the file anew.",
  step: "Export the meter again, with a row each {step}, or choose another model.",
  grid: "Export the meter again, in whole {step}s by the clock.",
  length: "Export a longer time of the meter, or for too long a file its newest rows.",
  not_csv: "Export or save it as CSV.",
};

/**
 * @param {unknown} error
 * @returns {{title: string, detail: string, advice: string}} sentences, or nothing
 */
export function inWords(error) {
  if (!(error instanceof Problem)) {
    console.error(error);
    return { title: "This page has failed.", detail: "", advice: "Reload it, and log in again." };
  }
  return { detail: sentence(error.message), advice: "", ...said(error) };
}

/**
 * @param {Problem} problem
 * @returns {{title: string, advice?: string}}
 */
function said(problem) {
  const again = problem.retryAfterS
    ? `Try again in ${duration(problem.retryAfterS)}.`
    : "Try again in a while.";
  switch (problem.status) {
    case 0:
      return problem.reason === "TIMEOUT"
        ? {
            title: "No answer has come in time.",
            advice: `Try again, with fewer rows if the line is slow. ${KEPT}`,
          }
        : {
            title: "The gateway cannot be reached.",
            advice: `See whether your network or VPN is up, then try again. ${KEPT}`,
          };
    case 400:
    case 401:
      return { title: "" };
    case 403:
      return {
        title: "Your account may not do this.",
        advice: "Ask whoever runs this gateway for the right to.",
      };
    case 404:
      return { title: "This model is not served.", advice: "Choose another one." };
    case 413:
      return {
        title: "The file is too large.",
        advice: inSteps("Export its newest rows alone: a forecast needs no more than {window}."),
      };
    case 422:
      return { title: "The file cannot be forecast from as it is.", advice: aboutFile(problem) };
    case 429:
      return { title: "Not just now.", advice: `${again} ${KEPT}` };
    case 502:
      return {
        title: "The model has failed.",
        advice: "Choose another one, or tell whoever runs this gateway.",
      };
    case 503:
      return { title: "The forecasts are out of service for the moment.", advice: `${again} ${KEPT}` };
    case 504:
      return { title: "The answer took too long.", advice: `${again} ${KEPT}` };
    default:
      return {
        title: "Something went wrong.",
        advice: "Try again; if it stays so, tell whoever runs this gateway.",
      };
  }
}

/** @param {Problem} problem */
function aboutFile(problem) {
  const rules = new Set(problem.errors.map((violation) => violation.rule));
  const advice = Object.entries(ABOUT_FILES).filter(([rule]) => rules.has(rule));
  return advice.map(([, words]) => inSteps(words)).join(" ");
}

/** @param {string} text */
export function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {string} text */
export function sentence(text) {
  const begun = capitalised(text);
  return !begun || /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
