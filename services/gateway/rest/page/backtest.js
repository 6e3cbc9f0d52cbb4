// How good the forecasts of this file's past would have been.

import * as api from "./api.js";
import { byId, element, scrolling, table } from "./dom.js";
import { loggedIn } from "./login.js";
import { errorTable } from "./models.js";
import { percent, powers, whole } from "./numbers.js";
import { fileOptions } from "./options.js";
import { clockOf } from "./times.js";
import { inWords } from "./words.js";

const MOST_FORECASTS = 4000;
const WINDOW = 672;

const button = byId("run-backtest");
const report = byId("backtest-report");
const message = byId("backtest-message");
const busy = byId("backtest-busy");

/**
 * Have the button test a model by a file.
 * @param {string} model
 * @param {string} zone
 * @param {import("./meter_file.js").MeterFile} file
 */
export function offerBacktest(model, zone, file) {
  report.replaceChildren();
  message.hidden = true;
  button.onclick = () => run(model, zone, file);
}

/**
 * @param {string} model
 * @param {string} zone
 * @param {import("./meter_file.js").MeterFile} file
 */
async function run(model, zone, file) {
  button.disabled = true;
  busy.hidden = false;
  message.hidden = true;
  report.replaceChildren();
  const options = { ...fileOptions(), stride: String(strideOf(file.rows)) };
  try {
    const found = await loggedIn(() => api.backtest(model, file.bytes, options));
    report.replaceChildren(...said(found, model, zone));
    report.querySelector("h3")?.focus();
  } catch (error) {
    const { title, detail, advice } = inWords(error);
    message.textContent = [title, detail, advice].filter(Boolean).join(" ");
    message.hidden = false;
  } finally {
    button.disabled = false;
    busy.hidden = true;
  }
}

/**
 * From one forecast to the next, so that there are not too many. Never one that shares a divisor with the
 * day: all of them would be of the same few times of it.
 * @param {number} rows
 */
export function strideOf(rows) {
  let stride = Math.max(1, Math.ceil((rows - WINDOW) / MOST_FORECASTS));
  while (stride > 1 && (stride % 2 === 0 || stride % 3 === 0)) stride += 1;
  return stride;
}

/**
 * @param {api.Backtest} found
 * @param {string} model
 * @param {string} zone
 */
function said(found, model, zone) {
  const clock = clockOf(zone);
  const [from, until] = [found.data_from, found.data_until].map((time) => clock.day(Date.parse(time)));
  const share = (/** @type {number | null} */ value) => (value === null ? "–" : percent(value));
  const say = powers([found.mae_kw, found.rmse_kw]);
  const naive = Object.fromEntries(Object.entries(found.naive).map(([name, { mae_kw }]) => [name, mae_kw]));
  const every = found.stride > 1 ? `, one each ${found.stride} quarter-hours` : "";
  const steps = found.by_step.map(({ step, mae_kw, coverage_80, coverage_95 }) => [
    `${step * 15} minutes`,
    say(mae_kw),
    share(coverage_80),
    share(coverage_95),
  ]);
  const byStep = table(
    "By how far ahead",
    ["Until", "Mean error, kW", "Within 80% range", "Within 95% range"],
    [...steps, ["All", say(found.mae_kw), share(found.coverage_80), share(found.coverage_95)]],
  );
  byStep.classList.add("by-step");
  return [
    element("h3", { tabIndex: -1 }, `Off by ${say(found.mae_kw)} kW on average`),
    element(
      "p",
      {},
      `${whole(found.windows)} forecasts from ${from} to ${until}${every}, `,
      `by version ${found.model_version}. `,
      `Large errors weigh more in the root mean square: ${say(found.rmse_kw)} kW.`,
    ),
    errorTable("Mean absolute error on this file", model, found.mae_kw, naive),
    scrolling("Errors by how far ahead", byStep),
  ];
}
