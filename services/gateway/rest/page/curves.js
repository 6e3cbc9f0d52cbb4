// From an answer to what is drawn: the load, what of it was filled, the forecast and its bounds.

/**
 * @typedef {object} Step of the past, or forecast
 * @property {number} from ms
 * @property {number} to ms
 * @property {number | null} kw
 * @property {"measured" | "filled" | "forecast"} kind
 * @property {import("./api.js").Interval[]} intervals narrowest first; none of the past
 */

/**
 * All steps, oldest first: those of the past, then those that are forecast.
 * @param {import("./api.js").Forecast} answer
 * @returns {Step[]}
 */
export function stepsOf(answer) {
  const begin = Date.parse(answer.data_from);
  const step = (Date.parse(answer.data_until) - begin) / answer.history.kw.length;
  const filled = answer.repaired.map(({ from, until }) => [Date.parse(from), Date.parse(until)]);
  const past = answer.history.kw.map((kw, i) => {
    const from = begin + i * step;
    const isFilled = filled.some(([since, until]) => since <= from && from < until);
    return { from, to: from + step, kw, kind: isFilled ? "filled" : "measured", intervals: [] };
  });
  const next = answer.steps.map(({ valid_from, valid_to, kw, intervals }) => {
    return { from: Date.parse(valid_from), to: Date.parse(valid_to), kw, kind: "forecast", intervals };
  });
  return /** @type {Step[]} */ ([...past, ...next]);
}

/**
 * The levels of the intervals, widest first.
 * @param {Step[]} steps
 */
export function levelsOf(steps) {
  return steps[steps.length - 1].intervals.map((interval) => interval.level).reverse();
}

/**
 * The style sheet's name for the colour of an interval's band.
 * @param {number} level
 */
export function bandColour(level) {
  return level > 0.9 ? "wide" : "narrow";
}

/**
 * Columns for uPlot: times in seconds, then lower and upper bound of each level, measured, filled, forecast.
 *
 * A mean holds for all of its step, so each has two points: where it begins, and where it ends.
 * @param {Step[]} steps
 * @returns {(number | null)[][]}
 */
export function columnsOf(steps) {
  /** @param {(step: Step) => number | null} value */
  const column = (value) => steps.flatMap((step) => [value(step), value(step)]);
  /** @param {Step["kind"]} kind */
  const loads = (kind) => column((step) => (step.kind === kind ? step.kw : null));
  /** @param {number} level @param {"lower_kw" | "upper_kw"} side */
  const bound = (level, side) =>
    column(({ intervals }) => intervals.find((interval) => interval.level === level)?.[side] ?? null);
  return [
    steps.flatMap(({ from, to }) => [from / 1000, to / 1000 - 0.001]),
    ...levelsOf(steps).flatMap((level) => [bound(level, "lower_kw"), bound(level, "upper_kw")]),
    loads("measured"),
    loads("filled"),
    loads("forecast"),
  ];
}
