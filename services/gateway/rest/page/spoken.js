// The page's own words, which speak of the steps of the model that is chosen: of quarter-hours, or of hours.

import { stepOf } from "./steps.js";

const parts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-said]"));
/** As long as no model is known. */
let words = { step: "step", window: "what the model needs" };
say();

/**
 * Speak of the steps of a model from now on.
 * @param {import("./api.js").Version} version
 */
export function speakOf({ resolution, window }) {
  const step = stepOf(resolution);
  words = { step: step.one, window: step.history(window) };
  say();
}

/**
 * A text in which {step} and {window} stand for the model's own.
 * @param {string} text
 */
export function inSteps(text) {
  return text.replaceAll("{step}", words.step).replaceAll("{window}", words.window);
}

function say() {
  for (const part of parts) part.textContent = inSteps(part.dataset.said ?? "");
}
