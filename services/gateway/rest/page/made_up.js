// The meter of a building that does not exist, for whoever has no file at hand.

import { MeterFile } from "./meter_file.js";
import { stepOf } from "./steps.js";
import { clockOf } from "./times.js";

/**
 * As much as a model needs, up to now, as a meter would export it: UTC, kW.
 * @param {import("./api.js").Version} version
 */
export function madeUp({ window, resolution, time_zone }) {
  const { ms } = stepOf(resolution);
  const now = Math.floor(Date.now() / 1000) * 1000;
  // Steps are counted from midnight by the clock of the model's zone.
  const onTheClock = Date.parse(`${clockOf(time_zone).iso(now).slice(0, -6)}Z`);
  const end = now - (onTheClock % ms);
  const rows = Array.from({ length: window }, (_, step) => {
    const time = new Date(end - (window - step) * ms);
    return `${time.toISOString().replace(".000Z", "+00:00")},${load(time, step).toFixed(2)}`;
  });
  const text = ["Datum,Wert (kW)", ...rows, ""].join("\n");
  return new MeterFile("made-up.csv", new TextEncoder().encode(text));
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

/**
 * The first lines of a file, as many meters export it.
 * @param {import("./api.js").Version} version
 */
export function example({ resolution }) {
  const { ms } = stepOf(resolution);
  const timeStyle = ms % 60_000 ? "medium" : "short";
  const format = new Intl.DateTimeFormat("de-DE", { dateStyle: "medium", timeStyle, timeZone: "UTC" });
  const rows = ["165,48", "158,09", "152,27"].map((kw, step) => {
    return `${format.format(Date.UTC(2021, 6, 7) + step * ms).replace(",", "")};${kw}`;
  });
  return ["Datum;Wert (kW)", ...rows].join("\n");
}
