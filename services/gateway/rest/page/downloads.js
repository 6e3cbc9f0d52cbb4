// The forecast to take along: as a table for a spreadsheet, as CSV, as a picture.

import { clockOf } from "./times.js";

/**
 * Header and rows, as every CSV of Wattgate has them: times with their offset, figures as they were answered.
 * @param {import("./api.js").Forecast} answer
 * @returns {string[][]}
 */
export function rowsOf(answer) {
  const clock = clockOf(answer.time_zone);
  const iso = (/** @type {string} */ time) => clock.iso(Date.parse(time));
  const bounds = answer.steps[0].intervals.flatMap(({ level }) => {
    const share = Number((level * 100).toFixed(6));
    return [`lower_${share}_kw`, `upper_${share}_kw`];
  });
  const rows = answer.steps.map(({ valid_from, valid_to, kw, intervals }) => [
    iso(valid_from),
    iso(valid_to),
    String(kw),
    ...intervals.flatMap(({ lower_kw, upper_kw }) => [String(lower_kw), String(upper_kw)]),
  ]);
  return [["valid_from", "valid_to", "kw", ...bounds], ...rows];
}

/**
 * @param {string[][]} rows
 * @param {string} separator
 */
export function textOf(rows, separator) {
  return rows.map((row) => `${row.join(separator)}\n`).join("");
}

/**
 * A name that says of which file, by which model.
 * @param {import("./api.js").Forecast} answer
 * @param {string} fileName
 * @param {string} ending
 */
export function nameOf(answer, fileName, ending) {
  const plain = `${fileName.replace(/\.\w+$/, "")}-forecast-${answer.model}`;
  return `${plain.replace(/[^\w.-]+/g, "_")}.${ending}`;
}

/**
 * @param {Blob} content
 * @param {string} name
 */
export function save(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * @typedef {object} Words
 * @property {string} title
 * @property {string} about
 * @property {[string, string][]} legend names of colours, and words
 */

/**
 * The chart as a picture that explains itself.
 * @param {HTMLCanvasElement} chart
 * @param {Words} words
 * @returns {Promise<Blob>}
 */
export function picture(chart, { title, about, legend }) {
  const scale = devicePixelRatio;
  const colour = (/** @type {string} */ name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
  const canvas = document.createElement("canvas");
  canvas.width = chart.width + 32 * scale;
  canvas.height = chart.height + 118 * scale;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = colour("surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(chart, 16 * scale, 68 * scale);
  context.scale(scale, scale);
  const width = canvas.width / scale - 32;
  context.fillStyle = colour("ink");
  context.font = "600 18px system-ui, sans-serif";
  context.fillText(title, 16, 34, width);
  context.fillStyle = colour("muted");
  context.font = "13px system-ui, sans-serif";
  context.fillText(about, 16, 56, width);
  let left = 16;
  const foot = canvas.height / scale - 24;
  for (const [name, text] of legend) {
    const isBand = name === "wide" || name === "narrow";
    context.fillStyle = colour(name);
    context.fillRect(left, foot - (isBand ? 10 : 6), 20, isBand ? 12 : 3);
    context.fillStyle = colour("ink");
    context.fillText(text, left + 27, foot);
    left += context.measureText(text).width + 45;
  }
  return new Promise((done, failed) =>
    canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("no picture")))),
  );
}
