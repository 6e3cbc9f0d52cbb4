// What the file does not say of itself: the fields, and what goes along with a call.

import { byId, element } from "./dom.js";

const OF_THE_FILE = ["tz", "column", "unit", "labels", "doubled_hour"];
const OF_FORECASTS = ["gaps", "max_gap_steps", "fallback"];

const gaps = byId("gaps");
gaps.addEventListener("change", showLongestGap);
byId("zones").append(...Intl.supportedValuesOf("timeZone").map((value) => element("option", { value })));

function showLongestGap() {
  byId("longest-gap").hidden = gaps.value !== "linear";
}

/** Those of a backtest: what says something of the file. */
export function fileOptions() {
  return given(OF_THE_FILE);
}

/** Those of a forecast. */
export function forecastOptions() {
  return given([...OF_THE_FILE, ...OF_FORECASTS]);
}

/**
 * Those that differ from what is usual.
 * @param {string[]} names
 * @returns {Record<string, string>}
 */
function given(names) {
  const fields = names.map(byId).filter((field) => !field.closest("[hidden]"));
  const changed = fields.filter((field) => field.value.trim() && field.value !== usual(field));
  return Object.fromEntries(changed.map((field) => [field.name, field.value.trim()]));
}

/** @param {HTMLInputElement | HTMLSelectElement} field */
function usual(field) {
  return field instanceof HTMLSelectElement ? field.options[0].value : field.defaultValue;
}

/**
 * Mark the fields that the gateway did not understand, and open the section for them.
 * @param {import("./api.js").Violation[]} violations whose column is like query.tz
 */
export function markFields(violations) {
  const wrong = violations.map((violation) => violation.column?.split(".") ?? []);
  const names = wrong.filter(([place]) => place === "query").map(([, name]) => name);
  for (const name of [...OF_THE_FILE, ...OF_FORECASTS]) {
    const isWrong = names.includes(name);
    byId(name).setAttribute("aria-invalid", String(isWrong));
    if (isWrong) byId("options").open = true;
  }
}
