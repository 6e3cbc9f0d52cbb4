// A forecast, shown: the curve, the figures, what is to be said of them, and the table.

import { Chart } from "./chart.js";
import { bandColour, levelsOf, quartersOf } from "./curves.js";
import { byId, element, table } from "./dom.js";
import { nameOf, picture, rowsOf, save, textOf } from "./downloads.js";
import { percent, powers } from "./numbers.js";
import { clockOf } from "./times.js";
import { sentence } from "./words.js";

const HOUR = 3_600_000;
const VIEWS = /** @type {[string, number][]} */ ([
  ["12 hours", 12 * HOUR],
  ["1 day", 24 * HOUR],
  ["3 days", 72 * HOUR],
  ["All", Infinity],
]);
const KINDS = { measured: "measured", filled: "filled along a line", forecast: "forecast" };

/** @typedef {import("./api.js").Forecast} Forecast */
/** @typedef {import("./curves.js").Quarter} Quarter */

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
  const quarters = quartersOf(answer);
  const next = quarters.filter((quarter) => quarter.kind === "forecast");
  const shown = new Shown(answer, quarters, next);
  const title = shown.span(next[0].from, next[next.length - 1].to);
  const made = answer.fallback_reason ? "Last week’s load in place of" : "Forecast by";
  const model = `${answer.model}, version ${answer.model_version}`;
  const about = `${made} ${model}, from ${file.name}. Times of ${shown.clock.zone}.`;
  byId("result-title").textContent = title;
  byId("result-about").textContent = about;
  byId("notices").replaceChildren(...notices(answer, shown));
  byId("figures").replaceChildren(...figures(next, shown));
  const legend = legendOf(quarters);
  byId("legend").replaceChildren(
    ...legend.map(([name, words]) =>
      element("li", {}, element("span", { className: `swatch ${name}` }), words),
    ),
  );
  table(shown.caption, shown.columns, shown.rows, byId("table"));
  byId("result").hidden = false;
  draw(quarters, shown);
  offer(answer, file.name, { title, about, legend });
  byId("result-title").focus();
}

/** How times and powers of one answer are said. */
class Shown {
  /**
   * @param {Forecast} answer
   * @param {Quarter[]} quarters
   * @param {Quarter[]} next
   */
  constructor(answer, quarters, next) {
    this.clock = clockOf(answer.time_zone);
    this.kw = powers(quarters.map((quarter) => quarter.kw));
    this.next = next;
    this.levels = levelsOf(quarters).reverse();
    /** Where the clock changes, only the offset tells which hour is meant. */
    this.needsOffset = this.clock.offset(next[0].from) !== this.clock.offset(next[next.length - 1].from);
  }

  /** @param {Quarter} quarter */
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
      ? ` Of 100 outcomes about ${narrow * 100} fall within the ${percent(narrow)} range.`
      : "";
    return `Mean power per quarter-hour, times of ${this.clock.zone}.${ranges}`;
  }

  get columns() {
    return ["Quarter-hour", "Mean kW", ...this.levels.map((level) => `${percent(level)} range, kW`)];
  }

  get rows() {
    return this.next.map((quarter) => [
      this.hours(quarter),
      this.kw(/** @type {number} */ (quarter.kw)),
      ...quarter.intervals.map((interval) => this.range(interval)),
    ]);
  }

  /** @param {import("./api.js").Interval} interval */
  range({ lower_kw, upper_kw }) {
    return `${this.kw(lower_kw)} to ${this.kw(upper_kw)}`;
  }

  /** @param {Quarter} quarter */
  read(quarter) {
    const value = quarter.kw === null ? "no value" : `${this.kw(quarter.kw)} kW`;
    const ranges = quarter.intervals.map((interval) => `${percent(interval.level)}: ${this.range(interval)}`);
    return [
      `${this.clock.shortDay(quarter.from)}, ${this.hours(quarter)}`,
      `${value} ${KINDS[quarter.kind]}`,
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
        "The meter is at fault, so this is the load of the same time last week, or else of yesterday. " +
          sentence(why ?? fallback_reason),
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
    const said = repaired.map(({ from, until, steps }) => {
      const count = steps === 1 ? "one quarter-hour" : `${steps} quarter-hours`;
      return `${shown.span(Date.parse(from), Date.parse(until))}: ${count}, along a straight line.`;
    });
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
 * @param {Quarter[]} next
 * @param {Shown} shown
 */
function figures(next, shown) {
  const loads = next.map((quarter) => /** @type {number} */ (quarter.kw));
  const mean = loads.reduce((sum, kw) => sum + kw, 0) / loads.length;
  const highest = next[loads.indexOf(Math.max(...loads))];
  const lowest = next[loads.indexOf(Math.min(...loads))];
  return /** @type {[string, number, string][]} */ ([
    ["Mean", mean, `${loads.length} quarter-hours`],
    ["Highest", highest.kw, shown.hours(highest)],
    ["Lowest", lowest.kw, shown.hours(lowest)],
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
 * @param {Quarter[]} quarters
 * @returns {[string, string][]} names of colours, and words
 */
function legendOf(quarters) {
  const levels = levelsOf(quarters).reverse();
  const kinds = new Set(quarters.map((quarter) => quarter.kind));
  return [
    ["past", "Measured"],
    ...(kinds.has("filled") ? [/** @type {[string, string]} */ (["filled", "Filled gap"])] : []),
    ["next", "Forecast"],
    ...levels.map(
      (level) => /** @type {[string, string]} */ ([bandColour(level), `${percent(level)} range`]),
    ),
  ];
}

/**
 * @param {Quarter[]} quarters
 * @param {Shown} shown
 */
function draw(quarters, shown) {
  const holder = byId("chart");
  const readout = byId("readout");
  const reset = byId("reset-zoom");
  const hint = "Point at the curve to read it off.";
  readout.textContent = hint;
  const drawn = new Chart(holder, quarters, shown.clock, {
    read(quarter, byKeyboard) {
      // What a mouse passes over is not for a screen reader to say.
      readout.setAttribute("aria-live", byKeyboard ? "polite" : "off");
      readout.textContent = quarter ? shown.read(quarter) : hint;
    },
    zoomed: (isZoomed) => (reset.disabled = !isZoomed),
  });
  chart = drawn;
  const [first, last] = [quarters[0], quarters[quarters.length - 1]];
  holder.setAttribute("aria-label", `Load and forecast, ${shown.span(first.from, last.to)}`);
  reset.onclick = () => drawn.reset();
  const buttons = VIEWS.map(([name, past]) =>
    element("button", { type: "button", onclick: () => view(name, past) }, name),
  );
  byId("views").replaceChildren(...buttons);
  /** @param {string} name @param {number} past */
  const view = (name, past) => {
    drawn.show(past);
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === name));
  };
  view(...VIEWS[1]);
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
