/** Viewers over time as a step line: a count holds until the next one. uPlot draws it in the page's colours. */
import { axes, color, yRange } from './chart.js';

const HOUR = 3_600_000;

/** @typedef {[at: number, viewers: number]} Point */

export class Curve {
  /** @type {Point[]} */
  #points = []; // oldest first
  /** @type {uPlot | null} */
  #plot = null;
  #element; #onHover;
  loaded = false;
  hours = 1;
  peak = 0;

  /**
   * `onHover` gets the instant at the pointer and its viewers, or null when the pointer leaves.
   * @param {HTMLElement} element @param {(point: Point | null) => void} onHover
   */
  constructor(element, onHover) {
    this.#element = element;
    this.#onHover = onHover;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(element);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#plot?.destroy();
      this.#plot = null;
      if (this.loaded) this.draw();
    });
  }

  /** Replace the history; counts added since that are newer stay. @param {Point[]} points @param {number} hours */
  set(points, hours) {
    const newest = points.at(-1)?.[0] ?? 0;
    this.#points = [...points, ...this.#points.filter(([at]) => at > newest)];
    this.hours = hours;
    this.loaded = true;
  }

  /** @param {number} at @param {number} viewers */
  add(at, viewers) {
    const newest = this.#points.at(-1);
    if (newest && at < newest[0]) return;
    if (newest?.[1] !== viewers) this.#points.push([at, viewers]);
  }

  /** The lowest and the highest count of the hours shown, and when it was the highest; null without any count. */
  extent() {
    const shown = this.#shown();
    if (shown.length === 0) return null;
    const values = shown.map(([, viewers]) => viewers);
    const highest = Math.max(...values);
    return { lowest: Math.min(...values), highest, at: shown[values.indexOf(highest)][0] };
  }

  draw() {
    const now = Date.now();
    const shown = this.#shown();
    const last = shown.at(-1);
    const line = last && last[0] < now ? [...shown, [now, last[1]]] : shown;
    const data = [line.map(([at]) => at / 1000), line.map(([, viewers]) => viewers)];
    this.#plot ??= this.#newPlot(data);
    this.#plot.setData(data, false);
    this.#plot.setScale('x', { min: (now - this.hours * HOUR) / 1000, max: now / 1000 });
  }

  /** The points of the hours shown, preceded by the count that held as they began. @returns {Point[]} */
  #shown() {
    const begin = Date.now() - this.hours * HOUR;
    const first = this.#points.findIndex(([at]) => at >= begin);
    if (first < 0) return this.#points.slice(-1).map(([, viewers]) => [begin, viewers]);
    const before = this.#points[first - 1];
    return [...(before ? [/** @type {Point} */ ([begin, before[1]])] : []), ...this.#points.slice(first)];
  }

  #size() {
    return { width: this.#element.clientWidth, height: this.#element.clientHeight };
  }

  /** @param {number[][]} data */
  #newPlot(data) {
    return new uPlot({
      ...this.#size(),
      padding: [8, 12, 0, 0],
      legend: { show: false },
      hooks: { setCursor: [(/** @type {uPlot} */ { cursor: { idx }, data: [instants, viewers] }) => {
        this.#onHover(idx === null || idx === undefined ? null : [instants[idx] * 1000, viewers[idx]]);
      }] },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      scales: { x: { time: true }, y: { range: yRange } },
      axes: axes(this.#element, time),
      series: [{}, {
        stroke: color(this.#element, 'accent'),
        fill: color(this.#element, 'wash'),
        width: 2,
        paths: uPlot.paths.stepped({ align: 1 }),
        points: { show: false },
      }],
    }, data, this.#element);
  }
}

const hours = new Intl.DateTimeFormat('en-US', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const time = (/** @type {number} */ seconds) => hours.format(seconds * 1000);
