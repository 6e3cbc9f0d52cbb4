// The page: log in, choose a file and a model, forecast, show.

import * as api from "./api.js";
import { offerBacktest } from "./backtest.js";
import { byId } from "./dom.js";
import { logIn, loggedIn } from "./login.js";
import { madeUp } from "./made_up.js";
import { onFile, show } from "./meter_file.js";
import { chosenModel, describe, offer, scoreOf } from "./models.js";
import { forecastOptions, markFields } from "./options.js";
import { hideProblem, showProblem } from "./problem.js";
import { hideResult, showResult } from "./result.js";
import { inWords } from "./words.js";

/** @type {import("./meter_file.js").MeterFile | null} */
let file = null;
/** What is under way: one thing at a time. */
let last = Promise.resolve();

const status = byId("status");

onFile(take);
byId("made-up").addEventListener("click", () => attempt(makeUp));
byId("request").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  forecast();
});
byId("model").addEventListener("change", about);

byId("starting").hidden = true;
await logIn();
byId("app-title").focus();
await attempt(loadModels);

/** @param {import("./meter_file.js").MeterFile} chosen */
function take(chosen) {
  file = chosen;
  forecast();
}

function forecast() {
  if (!file) {
    status.textContent = "Drop or pick a meter file first.";
    byId("file").focus();
    return;
  }
  const chosen = file;
  attempt(async () => {
    status.textContent = `Forecasting from ${chosen.name} …`;
    await needModel();
    const answer = await loggedIn(() => api.forecast(chosenModel(), chosen.bytes, forecastOptions()));
    const model = await loggedIn(() => api.model(answer.model));
    describe(model);
    byId("score").replaceChildren(...scoreOf(model));
    offerBacktest(answer, chosen);
    showResult(answer, chosen);
    status.textContent = `There is a forecast from ${chosen.name}.`;
  });
}

async function makeUp() {
  await needModel();
  const { version, reason } = await loggedIn(() => api.model(chosenModel()));
  if (!version) throw new api.Problem(503, { detail: reason ?? "The model has not answered yet" });
  const made = madeUp(version);
  show(made.name, made.bytes.length);
  take(made);
}

/** Raises Problem where no model can be chosen. */
async function needModel() {
  if (!chosenModel()) await loadModels();
  if (!chosenModel()) throw new api.Problem(503, { detail: "No model is available" });
}

async function loadModels() {
  offer(await loggedIn(api.models));
  await about();
}

async function about() {
  if (!chosenModel()) return;
  try {
    describe(await loggedIn(() => api.model(chosenModel())));
  } catch (error) {
    const { title, advice } = inWords(error);
    byId("model-about").textContent = `${title} ${advice}`;
  }
}

/**
 * Do something once what is under way is done.
 * @param {() => Promise<void>} work
 */
function attempt(work) {
  last = last.then(() => tried(work));
  return last;
}

/**
 * Do it, and say why where it does not succeed.
 * @param {() => Promise<void>} work
 */
async function tried(work) {
  busy(true);
  hideProblem();
  try {
    await work();
    markFields([]);
    byId("empty").hidden = !byId("result").hidden;
  } catch (error) {
    hideResult();
    byId("empty").hidden = true;
    status.textContent = "";
    markFields(error instanceof api.Problem ? error.errors : []);
    showProblem(error, file, () => attempt(work));
  } finally {
    busy(false);
  }
}

/** @param {boolean} is */
function busy(is) {
  byId("busy").hidden = !is;
  byId("forecast").disabled = is;
}
