// The curve: drawn by uPlot, zoomed and read off with mouse, finger or keyboard.

import { bandColour, columnsOf, levelsOf } from "./curves.js";

/** @type {any} of vendor/uPlot.iife.min.js, a script of before there were modules */
const uPlot = Reflect.get(window, "uPlot");

const LEAST_STEPS = 4;
const HEIGHT = { wide: 340, narrow: 260 };
const ZOOM = 1.6;

/** A colour of style.css, looked up whenever something is drawn: it may be evening by then. */
const colour = (/** @type {string} */ name) => () =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/**
 * @typedef {object} Told what is to be told of what people do with it
 * @property {(step: import("./curves.js").Step | null, byKeyboard: boolean) => void} read
 * @property {(isZoomed: boolean) => void} zoomed
 */

/** A load and its forecast, drawn. */
export class Chart {
  /**
   * @param {HTMLElement} holder
   * @param {import("./curves.js").Step[]} steps
   * @param {import("./times.js").Clock} clock
   * @param {Told} told
   */
  constructor(holder, steps, clock, told) {
    this.steps = steps;
    this.told = told;
    this.holder = holder;
    this.at = -1;
    this.next = steps.findIndex((step) => step.kind === "forecast");
    this.stepMs = steps[0].to - steps[0].from;
    this.whole = [steps[0].from / 1000, steps[steps.length - 1].to / 1000];
    this.view = this.whole;
    this.mark = document.createElement("div");
    this.mark.className = "mark";
    holder.replaceChildren();
    this.plot = new uPlot(this.#options(clock), columnsOf(steps), holder);
    this.plot.over.append(this.mark);
    this.plot.over.addEventListener("dblclick", () => this.reset());
    this.resizing = new ResizeObserver(() => this.plot.setSize(this.#size()));
    this.resizing.observe(holder);
    this.isDark = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.plot.redraw(false);
    this.isDark.addEventListener("change", this.redraw);
    holder.onkeydown = (event) => this.#key(event);
  }

  destroy() {
    this.resizing.disconnect();
    this.isDark.removeEventListener("change", this.redraw);
    this.plot.destroy();
  }

  /**
   * Show so much of the past, and all of the forecast.
   * @param {number} past ms
   */
  show(past) {
    const now = this.steps[this.next].from;
    this.view = [Math.max(this.whole[0], (now - past) / 1000), this.whole[1]];
    this.reset();
  }

  reset() {
    this.#zoom(this.view[0], this.view[1]);
  }

  /** What is seen, on its background. */
  get canvas() {
    return /** @type {HTMLCanvasElement} */ (this.plot.ctx.canvas);
  }

  /**
   * @param {number} min s
   * @param {number} max s
   */
  #zoom(min, max) {
    this.plot.setScale("x", { min, max });
  }

  #size() {
    const width = this.holder.clientWidth;
    return { width, height: width < 560 ? HEIGHT.narrow : HEIGHT.wide };
  }

  /** @param {import("./times.js").Clock} clock */
  #options(clock) {
    const levels = levelsOf(this.steps);
    const bounds = levels.flatMap(() => [{ width: 0 }, { width: 0 }]);
    return {
      ...this.#size(),
      ms: 1e-3,
      tzDate: (/** @type {number} */ s) => uPlot.tzDate(new Date(s * 1000), clock.zone),
      legend: { show: false },
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false },
        bind: { dblclick: () => null },
      },
      scales: {
        x: {
          range: (/** @type {any} */ _plot, /** @type {number} */ min, /** @type {number} */ max) =>
            this.#within(min, max),
        },
      },
      series: [
        {},
        ...bounds.map((bound) => ({ ...bound, points: { show: false } })),
        { stroke: colour("past"), width: 1.75, points: { show: false } },
        { stroke: colour("filled"), width: 2.5, points: { show: false } },
        { stroke: colour("next"), width: 2.5, points: { show: false } },
      ],
      bands: levels.map((level, i) => ({ series: [2 * i + 2, 2 * i + 1], fill: colour(bandColour(level)) })),
      axes: [
        {
          stroke: colour("muted"),
          font: "12px system-ui, sans-serif",
          grid: { stroke: colour("grid"), width: 1 },
          ticks: { stroke: colour("grid"), width: 1, size: 5 },
          size: 32,
          space: 64,
          values: (/** @type {any} */ _plot, /** @type {number[]} */ splits) =>
            splits.map((s) => tick(s * 1000, clock)),
        },
        {
          stroke: colour("muted"),
          font: "12px system-ui, sans-serif",
          grid: { stroke: colour("grid"), width: 1 },
          ticks: { show: false },
          label: "mean kW",
          labelFont: "12px system-ui, sans-serif",
          labelSize: 18,
          size: (/** @type {any} */ _plot, /** @type {string[] | null} */ values) =>
            14 + 7 * Math.max(3, ...(values ?? []).map((value) => value.length)),
        },
      ],
      hooks: {
        draw: [(/** @type {any} */ plot) => this.#drawNow(plot)],
        setCursor: [(/** @type {any} */ plot) => this.#readAt(plot.cursor.left)],
        setScale: [(/** @type {any} */ plot, /** @type {string} */ key) => key === "x" && this.#scaled(plot)],
      },
    };
  }

  /**
   * A part of what there is, of some steps at least.
   * @param {number} min s
   * @param {number} max s
   */
  #within(min, max) {
    const least = (LEAST_STEPS * this.stepMs) / 1000;
    const half = Math.max(max - min, least) / 2;
    const middle = (min + max) / 2;
    return [Math.max(this.whole[0], middle - half), Math.min(this.whole[1], middle + half)];
  }

  /** @param {any} plot */
  #scaled(plot) {
    const { min, max } = plot.scales.x;
    this.told.zoomed(Math.abs(min - this.view[0]) > 1 || Math.abs(max - this.view[1]) > 1);
    this.#markStep();
  }

  /**
   * The line between what was and what is forecast.
   * @param {any} plot
   */
  #drawNow(plot) {
    const x = Math.round(plot.valToPos(this.steps[this.next].from / 1000, "x", true));
    const { top, height, left, width } = plot.bbox;
    if (x < left || x > left + width) return;
    plot.ctx.save();
    plot.ctx.strokeStyle = colour("muted")();
    plot.ctx.lineWidth = uPlot.pxRatio;
    plot.ctx.setLineDash([4 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
    plot.ctx.beginPath();
    plot.ctx.moveTo(x, top);
    plot.ctx.lineTo(x, top + height);
    plot.ctx.stroke();
    plot.ctx.restore();
  }

  /** @param {number} left px of the plot; below 0 where the mouse has left it */
  #readAt(left) {
    const ms = left < 0 ? -1 : this.plot.posToVal(left, "x") * 1000;
    this.#read(
      this.steps.findIndex(({ from, to }) => from <= ms && ms < to),
      false,
    );
  }

  /**
   * @param {number} at
   * @param {boolean} byKeyboard
   */
  #read(at, byKeyboard) {
    if (at === this.at && !byKeyboard) return;
    this.at = at;
    this.#markStep();
    this.told.read(this.steps[at] ?? null, byKeyboard);
  }

  /** Show which step is read off. */
  #markStep() {
    const step = this.steps[this.at];
    this.mark.hidden = !step || step.kw === null;
    if (this.mark.hidden) return;
    const left = this.plot.valToPos(step.from / 1000, "x");
    const width = Math.max(this.plot.valToPos(step.to / 1000, "x") - left, 3);
    Object.assign(this.mark.style, {
      left: `${left}px`,
      width: `${width}px`,
      top: `${this.plot.valToPos(step.kw, "y")}px`,
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const last = this.steps.length - 1;
    const at = this.at < 0 ? this.next - 1 : this.at;
    const day = Math.round(86_400_000 / this.stepMs);
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => this.#go(at - 1),
      ArrowRight: () => this.#go(at + 1),
      PageUp: () => this.#go(at - day),
      PageDown: () => this.#go(at + day),
      Home: () => this.#go(0),
      End: () => this.#go(last),
      "+": () => this.#zoomBy(1 / ZOOM),
      "=": () => this.#zoomBy(1 / ZOOM),
      "-": () => this.#zoomBy(ZOOM),
      0: () => this.reset(),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  }

  /** @param {number} at */
  #go(at) {
    const next = Math.min(Math.max(at, 0), this.steps.length - 1);
    const { from, to } = this.steps[next];
    const { min, max } = this.plot.scales.x;
    const by = Math.min(0, from / 1000 - min) + Math.max(0, to / 1000 - max);
    if (by) this.#zoom(min + by, max + by);
    this.#read(next, true);
  }

  /** @param {number} factor */
  #zoomBy(factor) {
    const { min, max } = this.plot.scales.x;
    const step = this.steps[this.at];
    const middle = step ? (step.from + step.to) / 2000 : (min + max) / 2;
    const share = (middle - min) / (max - min);
    const width = (max - min) * factor;
    this.#zoom(middle - share * width, middle + (1 - share) * width);
  }
}

/**
 * @param {number} ms
 * @param {import("./times.js").Clock} clock
 */
function tick(ms, clock) {
  const time = clock.time(ms);
  return time === "00:00" ? clock.shortDay(ms) : time;
}
