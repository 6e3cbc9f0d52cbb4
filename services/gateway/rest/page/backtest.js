// How good the forecasts of this file's past would have been.

import * as api from "./api.js";
import { byId, element, scrolling, table } from "./dom.js";
import { loggedIn } from "./login.js";
import { errorTable } from "./models.js";
import { counted, percent, powers } from "./numbers.js";
import { fileOptions } from "./options.js";
import { stepOf } from "./steps.js";
import { clockOf } from "./times.js";
import { inWords } from "./words.js";

const MOST_FORECASTS = 4000;
const DAY = 86_400_000;

const COVERAGES = /** @type {[string, "coverage_80" | "coverage_95"][]} */ ([
  ["80%", "coverage_80"],
  ["95%", "coverage_95"],
]);

const button = byId("run-backtest");
const report = byId("backtest-report");
const message = byId("backtest-message");
const busy = byId("backtest-busy");

/**
 * Have the button test a model by a file that it has forecast from.
 * @param {api.Forecast} answer
 * @param {import("./meter_file.js").MeterFile} file
 */
export function offerBacktest(answer, file) {
  report.replaceChildren();
  message.hidden = true;
  button.onclick = () => run(answer, file);
}

/**
 * @param {api.Forecast} answer
 * @param {import("./meter_file.js").MeterFile} file
 */
async function run(answer, file) {
  button.disabled = true;
  busy.hidden = false;
  message.hidden = true;
  report.replaceChildren();
  const options = {
    ...fileOptions(),
    stride: String(strideOf(file.rows - answer.history.kw.length, DAY / stepOf(answer.resolution).ms)),
  };
  try {
    const found = await loggedIn(() => api.backtest(answer.model, file.bytes, options));
    report.replaceChildren(...said(found, answer));
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
 * Steps from one forecast to the next, so that there are not too many. Without a divisor in common with the
 * day's: all of them would be of the same few times of it.
 * @param {number} forecasts that there could be
 * @param {number} stepsADay
 */
export function strideOf(forecasts, stepsADay) {
  let stride = Math.max(1, Math.ceil(forecasts / MOST_FORECASTS));
  while (commonDivisor(stride, stepsADay) > 1) stride += 1;
  return stride;
}

/**
 * @param {number} one
 * @param {number} other
 * @returns {number} the greatest
 */
function commonDivisor(one, other) {
  return other ? commonDivisor(other, one % other) : one;
}

/**
 * @param {api.Backtest} found
 * @param {api.Forecast} answer
 */
function said(found, { model, time_zone, resolution }) {
  const clock = clockOf(time_zone);
  const step = stepOf(resolution);
  const [from, until] = [found.data_from, found.data_until].map((time) => clock.day(Date.parse(time)));
  const say = powers([found.mae_kw, found.rmse_kw]);
  const naive = Object.fromEntries(Object.entries(found.naive).map(([name, { mae_kw }]) => [name, mae_kw]));
  const every = found.stride > 1 ? `, one each ${step.count(found.stride)}` : "";
  const covered = COVERAGES.filter(([, coverage]) => found[coverage] !== null);
  /** @param {string} until @param {api.Errors} errors */
  const row = (until, errors) => [
    until,
    say(errors.mae_kw),
    ...covered.map(([, coverage]) => percent(/** @type {number} */ (errors[coverage]))),
  ];
  const byStep = table(
    "By how far ahead",
    ["Until", "Mean error, kW", ...covered.map(([level]) => `Within ${level} range`)],
    [...found.by_step.map((errors) => row(step.ahead(errors.step), errors)), row("All", found)],
  );
  byStep.classList.add("by-step");
  return [
    element("h3", { tabIndex: -1 }, `Off by ${say(found.mae_kw)} kW on average`),
    element(
      "p",
      {},
      `${counted(found.windows, "forecast")} from ${from} to ${until}${every}, by version ${found.model_version}. ` +
        `Large errors weigh more in the root mean square: ${say(found.rmse_kw)} kW.`,
    ),
    errorTable("Mean absolute error on this file", model, found.mae_kw, naive),
    scrolling("Errors by how far ahead", byStep),
  ];
}
