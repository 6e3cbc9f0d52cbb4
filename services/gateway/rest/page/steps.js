// A model's steps, in words.

import { counted } from "./numbers.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const UNITS = /** @type {Record<string, [string, number]>} */ ({
  D: ["day", DAY],
  H: ["hour", HOUR],
  M: ["minute", 60_000],
  S: ["second", 1000],
});
const NAMES = /** @type {Record<string, string>} */ ({ PT15M: "quarter-hour", PT30M: "half-hour" });

/** @typedef {ReturnType<typeof stepOf>} StepLength */

/**
 * The step of a resolution.
 * @param {string} resolution ISO 8601, as the gateway says it: PT15M, PT1H, P1D
 */
export function stepOf(resolution) {
  const [, digits, letter] = /** @type {RegExpExecArray} */ (/^PT?(\d+)([DHMS])$/.exec(resolution));
  const amount = Number(digits);
  const [unit, unitMs] = UNITS[letter];
  const ms = amount * unitMs;
  const one = NAMES[resolution] ?? (amount === 1 ? unit : `${amount}-${unit} step`);
  const count = (/** @type {number} */ steps) => counted(steps, one);

  return {
    ms,
    /** Its name: quarter-hour, hour, 5-minute step. */
    one,
    /** So many of them: 8 quarter-hours. */
    count,
    /** How far the end of one is from where the first begins: 120 minutes. */
    ahead: (/** @type {number} */ steps) => counted(steps * amount, unit),
    /** A history of them: a week of quarter-hours, 168 hours. */
    history(/** @type {number} */ steps) {
      const days = (steps * ms) / DAY;
      if (ms >= HOUR || !Number.isInteger(days)) return count(steps);
      return `${days === 7 ? "a week" : counted(days, "day")} of ${one}s`;
    },
  };
}
