// A week of a building that does not exist, for whoever has no file at hand.

import { MeterFile } from "./meter_file.js";

const QUARTER_MS = 900_000;
const STEPS = 7 * 96;

/** A week up to now, as a meter would export it: UTC, kW. */
export function madeUpWeek() {
  const end = Math.floor(Date.now() / QUARTER_MS) * QUARTER_MS;
  const rows = Array.from({ length: STEPS }, (_, step) => {
    const time = new Date(end - (STEPS - step) * QUARTER_MS);
    return `${time.toISOString().replace(".000Z", "+00:00")},${load(time, step).toFixed(2)}`;
  });
  const text = ["Datum,Wert (kW)", ...rows, ""].join("\n");
  return new MeterFile("made-up-week.csv", new TextEncoder().encode(text));
}

/**
 * More by day than by night, less on Sundays, and never twice the same.
 * @param {Date} time
 * @param {number} step
 */
function load(time, step) {
  const hour = time.getUTCHours() + time.getUTCMinutes() / 60;
  const day = 1 / (1 + Math.exp(-1.4 * (hour - 6.5))) - 1 / (1 + Math.exp(-1.4 * (hour - 20)));
  const open = time.getUTCDay() === 0 ? 0.25 : 1;
  const flutter = 5 * Math.sin(step * 1.7) + 3 * Math.sin(step * 0.61 + 2);
  return 95 + 85 * day * open + flutter;
}
