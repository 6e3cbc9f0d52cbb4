// A forecast, shown: the curve, the figures, what is to be said of them, and the table.

import { Chart } from "./chart.js";
import { bandColour, levelsOf, stepsOf } from "./curves.js";
import { byId, element, table } from "./dom.js";
import { nameOf, picture, rowsOf, save, textOf } from "./downloads.js";
import { levelled, powers } from "./numbers.js";
import { stepOf } from "./steps.js";
import { clockOf } from "./times.js";
import { capitalised, sentence } from "./words.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const VIEWS = /** @type {[string, number][]} */ ([
  ["12 hours", 12 * HOUR],
  ["1 day", DAY],
  ["3 days", 3 * DAY],
  ["1 week", 7 * DAY],
  ["4 weeks", 28 * DAY],
]);
const LEAST_STEPS_VIEWED = 12;
const KINDS = { measured: "measured", filled: "filled along a line", forecast: "forecast" };

/** @typedef {import("./api.js").Forecast} Forecast */
/** @typedef {import("./curves.js").Step} Step */

/** @type {Chart | null} */
let chart = null;

export function hideResult() {
  byId("result").hidden = true;
  chart?.destroy();
  chart = null;
}

/**
 * Show it, and move the focus there.
 * @param {Forecast} answer
 * @param {import("./meter_file.js").MeterFile} file
 */
export function showResult(answer, file) {
  hideResult();
  const steps = stepsOf(answer);
  const next = steps.filter((step) => step.kind === "forecast");
  const shown = new Shown(answer, steps, next);
  const title = shown.span(next[0].from, next[next.length - 1].to);
  const made = answer.fallback_reason ? `${capitalised(shown.season)}’s load in place of` : "Forecast by";
  const about = `${made} ${answer.model}, version ${answer.model_version}, from ${file.name}. Times of ${shown.clock.zone}.`;
  byId("result-title").textContent = title;
  byId("result-about").textContent = about;
  byId("notices").replaceChildren(...notices(answer, shown));
  byId("figures").replaceChildren(...figures(next, shown));
  const legend = legendOf(steps);
  byId("legend").replaceChildren(
    ...legend.map(([name, words]) =>
      element("li", {}, element("span", { className: `swatch ${name}` }), words),
    ),
  );
  table(shown.caption, shown.columns, shown.rows, byId("table"));
  byId("result").hidden = false;
  draw(steps, shown);
  offer(answer, file.name, { title, about, legend });
  byId("result-title").focus();
}

/** How times and powers of one answer are said. */
class Shown {
  /**
   * @param {Forecast} answer
   * @param {Step[]} steps
   * @param {Step[]} next
   */
  constructor(answer, steps, next) {
    this.clock = clockOf(answer.time_zone);
    this.length = stepOf(answer.resolution);
    /** What a fallback goes by. */
    this.season =
      Date.parse(answer.data_until) - Date.parse(answer.data_from) < 7 * DAY ? "yesterday" : "last week";
    this.kw = powers(steps.map((step) => step.kw));
    this.next = next;
    this.levels = levelsOf(steps).reverse();
    /** Up to midnight it is still the same day. */
    this.needsDay = this.clock.day(next[0].from) !== this.clock.day(next[next.length - 1].to - 1);
    /** Where the clock changes, only the offset tells which hour is meant. */
    this.needsOffset = this.clock.offset(next[0].from) !== this.clock.offset(next[next.length - 1].from);
  }

  /** @param {Step} step */
  when(step) {
    return `${this.needsDay ? `${this.clock.shortDay(step.from)}, ` : ""}${this.hours(step)}`;
  }

  /** @param {Step} step */
  hours({ from, to }) {
    const offset = this.needsOffset ? ` (${this.clock.offset(from)})` : "";
    return `${this.clock.time(from)}–${this.clock.time(to)}${offset}`;
  }

  /**
   * @param {number} from ms
   * @param {number} to ms
   */
  span(from, to) {
    const isOneDay = this.clock.day(from) === this.clock.day(to);
    const otherDay = isOneDay ? "" : `${this.clock.shortDay(to)}, `;
    return `${this.clock.day(from)}, ${this.clock.time(from)} to ${otherDay}${this.clock.time(to)}`;
  }

  get caption() {
    const [narrow] = this.levels;
    const ranges = narrow
      ? ` About ${levelled(narrow)} of outcomes fall within the ${levelled(narrow)} range.`
      : "";
    return `Mean power per ${this.length.one}, times of ${this.clock.zone}.${ranges}`;
  }

  get columns() {
    return [
      capitalised(this.length.one),
      "Mean kW",
      ...this.levels.map((level) => `${levelled(level)} range, kW`),
    ];
  }

  get rows() {
    return this.next.map((step) => [
      this.when(step),
      this.kw(/** @type {number} */ (step.kw)),
      ...step.intervals.map((interval) => this.range(interval)),
    ]);
  }

  /** @param {import("./api.js").Interval} interval */
  range({ lower_kw, upper_kw }) {
    return `${this.kw(lower_kw)} to ${this.kw(upper_kw)}`;
  }

  /** @param {Step} step */
  read(step) {
    const value = step.kw === null ? "no value" : `${this.kw(step.kw)} kW`;
    const ranges = step.intervals.map((interval) => `${levelled(interval.level)}: ${this.range(interval)}`);
    return [
      `${this.clock.shortDay(step.from)}, ${this.hours(step)}`,
      `${value} ${KINDS[step.kind]}`,
      ...ranges,
    ].join(" · ");
  }
}

/**
 * @param {Forecast} answer
 * @param {Shown} shown
 */
function notices({ fallback_reason, warnings, repaired }, shown) {
  const made = [];
  if (fallback_reason) {
    const [, why] = fallback_reason.split(/: (.*)/s);
    made.push(
      notice("This is not the model’s forecast", [
        `The meter is at fault, so this is the load of the same time ${shown.season}. ${sentence(why ?? fallback_reason)}`,
      ]),
    );
  }
  if (warnings.length) {
    const said = warnings.map(
      ({ row, line, message }) =>
        `${row ? `Row ${row}${line ? ` (line ${line})` : ""}: ` : ""}${sentence(message)}`,
    );
    made.push(notice("The meter may be at fault", said));
  }
  if (repaired.length) {
    const said = repaired.map(
      ({ from, until, steps }) =>
        `${shown.span(Date.parse(from), Date.parse(until))}: ${shown.length.count(steps)}, along a straight line.`,
    );
    made.push(notice("Gaps were filled", said));
  }
  return made;
}

/**
 * @param {string} title
 * @param {string[]} lines
 */
function notice(title, lines) {
  const said =
    lines.length > 1
      ? element("ul", {}, ...lines.map((line) => element("li", {}, line)))
      : element("p", {}, lines[0]);
  return element("section", { className: "notice" }, element("h3", {}, title), said);
}

/**
 * @param {Step[]} next
 * @param {Shown} shown
 */
function figures(next, shown) {
  const loads = next.map((step) => /** @type {number} */ (step.kw));
  const mean = loads.reduce((sum, kw) => sum + kw, 0) / loads.length;
  const highest = next[loads.indexOf(Math.max(...loads))];
  const lowest = next[loads.indexOf(Math.min(...loads))];
  return /** @type {[string, number, string][]} */ ([
    ["Mean", mean, shown.length.count(loads.length)],
    ["Highest", highest.kw, shown.when(highest)],
    ["Lowest", lowest.kw, shown.when(lowest)],
  ]).map(([name, kw, when]) =>
    element(
      "div",
      {},
      element("dt", {}, name),
      element("dd", {}, element("b", {}, shown.kw(kw)), " kW"),
      element("dd", { className: "when" }, when),
    ),
  );
}

/**
 * What is drawn in which colour.
 * @param {Step[]} steps
 * @returns {[string, string][]} names of colours, and words
 */
function legendOf(steps) {
  const levels = levelsOf(steps).reverse();
  const kinds = new Set(steps.map((step) => step.kind));
  return [
    ["past", "Measured"],
    ...(kinds.has("filled") ? [/** @type {[string, string]} */ (["filled", "Filled gap"])] : []),
    ["next", "Forecast"],
    ...levels.map(
      (level) => /** @type {[string, string]} */ ([bandColour(level), `${levelled(level)} range`]),
    ),
  ];
}

/**
 * @param {Step[]} steps
 * @param {Shown} shown
 */
function draw(steps, shown) {
  const holder = byId("chart");
  const readout = byId("readout");
  const reset = byId("reset-zoom");
  const hint = "Point at the curve to read it off.";
  readout.textContent = hint;
  const drawn = new Chart(holder, steps, shown.clock, {
    read(step, byKeyboard) {
      // What a mouse passes over is not for a screen reader to say.
      readout.setAttribute("aria-live", byKeyboard ? "polite" : "off");
      readout.textContent = step ? shown.read(step) : hint;
    },
    zoomed: (isZoomed) => (reset.disabled = !isZoomed),
  });
  chart = drawn;
  const [first, last] = [steps[0], steps[steps.length - 1]];
  holder.setAttribute("aria-label", `Load and forecast, ${shown.span(first.from, last.to)}`);
  reset.onclick = () => drawn.reset();
  const views = viewsOf(drawn);
  const buttons = views.map(([name, past]) =>
    element("button", { type: "button", onclick: () => view(name, past) }, name),
  );
  byId("views").replaceChildren(...buttons);
  /** @param {string} name @param {number} past */
  const view = (name, past) => {
    drawn.show(past);
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === name));
  };
  view(...views[Math.min(1, views.length - 1)]);
}

/**
 * How much of the past can be shown: what has some steps, and is not all of it.
 * @param {Chart} drawn
 * @returns {[string, number][]} names and ms
 */
function viewsOf({ stepMs, next }) {
  const some = VIEWS.filter(([, past]) => LEAST_STEPS_VIEWED * stepMs <= past && past < next * stepMs);
  return [...some, ["All", Infinity]];
}

/**
 * What can be taken along.
 * @param {Forecast} answer
 * @param {string} fileName
 * @param {import("./downloads.js").Words} words of the picture
 */
function offer(answer, fileName, words) {
  const rows = rowsOf(answer);
  const status = byId("status");
  byId("copy").onclick = async () => {
    try {
      await navigator.clipboard.writeText(textOf(rows, "\t"));
      status.textContent = "The table is in the clipboard.";
    } catch {
      status.textContent =
        "The browser does not let this page copy: mark the table and copy it, or take the CSV.";
    }
  };
  byId("csv").onclick = () =>
    save(new Blob([textOf(rows, ",")], { type: "text/csv" }), nameOf(answer, fileName, "csv"));
  byId("png").onclick = async () =>
    chart && save(await picture(chart.canvas, words), nameOf(answer, fileName, "png"));
}
