// The models to choose from, and how each has scored.

import * as api from "./api.js";
import { byId, element, table } from "./dom.js";
import { example } from "./made_up.js";
import { percent, powers } from "./numbers.js";
import { speakOf } from "./spoken.js";
import { stepOf } from "./steps.js";
import { clockOf } from "./times.js";

const select = byId("model");
const NAIVE = {
  last_value: "The last value, kept",
  yesterday: "The same time yesterday",
  last_week: "The same time last week",
  linear: "A linear regression",
};

/** The name of the one chosen; empty where there is none. */
export function chosenModel() {
  return /** @type {string} */ (select.value);
}

/**
 * What a forecast without a model goes by, in words.
 * @param {string} name
 */
export function naiveName(name) {
  return NAIVE[/** @type {keyof typeof NAIVE} */ (name)] ?? name;
}

/**
 * Offer them; one that was chosen before stays so.
 * @param {api.Model[]} models
 */
export function offer(models) {
  const before = select.value;
  select.replaceChildren(
    ...models.map(({ name, state }) => {
      const isThere = state === "available";
      return element(
        "option",
        { value: name, disabled: !isThere },
        isThere ? name : `${name} (not available)`,
      );
    }),
  );
  const names = models.filter((model) => model.state === "available").map((model) => model.name);
  select.value = names.includes(before) ? before : (names[0] ?? "");
  byId("model-about").textContent = names.length
    ? ""
    : `No model is available: ${models[0]?.reason ?? "none is served"}.`;
}

/**
 * Say below the choice what there is to know of a model, and speak of its steps.
 * @param {api.Model} model
 */
export function describe({ state, reason, version }) {
  const about = byId("model-about");
  if (state !== "available" || !version) {
    about.textContent = `Not available: ${reason ?? "it has not answered yet"}`;
    return;
  }
  speakOf(version);
  byId("example").textContent = example(version);
  const ahead = stepOf(version.resolution).count(version.horizon);
  const score = version.training ? tested(version.training) : "";
  about.textContent = `Version ${version.version}, ${ahead} ahead.${score}`;
}

/** @param {api.Training} training */
function tested({ mae_kw, naive_mae_kw }) {
  const best = Math.min(...Object.values(naive_mae_kw));
  const isKnown = best > 0 && best < Infinity;
  const saved = isKnown ? `, ${percent(1 - mae_kw / best)} less than the best forecast without a model` : "";
  return ` Off by ${powers([mae_kw])(mae_kw)} kW on average on loads it had not seen${saved}.`;
}

/**
 * How a model scored on the loads it was tested by.
 * @param {api.Model} model
 * @returns {Node[]}
 */
export function scoreOf({ name, version }) {
  if (!version) return [element("p", {}, `Nothing is known of ${name} yet.`)];
  const { training } = version;
  if (!training) {
    return [
      element(
        "p",
        {},
        `Version ${version.version} of ${name} does not say what it was trained on, nor how it scored.`,
      ),
    ];
  }
  const clock = clockOf(version.time_zone);
  const from = clock.day(Date.parse(training.data_from));
  const until = clock.day(Date.parse(training.data_until));
  return [
    element(
      "p",
      {},
      `Version ${version.version} of ${name} was trained on loads from ${from} to ${until}. ` +
        `On others, which it had not seen, it was off by this much on average:`,
    ),
    errorTable("Mean absolute error on loads it had not seen", name, training.mae_kw, training.naive_mae_kw),
  ];
}

/**
 * Errors beside each other, as figures and as bars.
 * @param {string} caption
 * @param {string} model
 * @param {number} maeKw
 * @param {Record<string, number>} naiveMaeKw
 */
export function errorTable(caption, model, maeKw, naiveMaeKw) {
  const naive = Object.entries(naiveMaeKw).sort(([, one], [, other]) => one - other);
  const errors = [maeKw, ...naive.map(([, kw]) => kw)];
  const say = powers(errors);
  const largest = Math.max(...errors);
  /** @param {number} kw @param {string} [of] */
  const bar = (kw, of = "") => {
    const drawn = element("i");
    drawn.style.inlineSize = `${largest ? (100 * kw) / largest : 0}%`;
    return element("span", { className: `error-bar ${of}` }, drawn, say(kw));
  };
  const made = table(
    caption,
    ["Forecast by", "kW"],
    [
      [element("b", {}, model), bar(maeKw, "of-model")],
      ...naive.map(([name, kw]) => [naiveName(name), bar(kw)]),
    ],
  );
  made.classList.add("errors");
  return made;
}
