/** The charts of revenue and of audiences: bars that a refund may pull below zero, and a line with gaps where nothing is known. */
import { axes, color, WHOLE, yRange } from './chart.js';
import { CATEGORY_NAMES, bucketDays, money } from './revenue-words.js';
import { count } from './format.js';

const BAR = { size: [0.75, 56], radius: 0.1 };
const HATCH = 7; // canvas pixels between two lines

/**
 * What is drawn: one value for each bucket and series, null where nothing is known.
 * @typedef {{buckets: Bucket[], interval: string, series: {color: string, values: (number | null)[]}[], bars: boolean,
 *   currency: string | null, milestones: RevenueMilestone[]}} Picture
 */

/** A chart that is drawn again when it has other figures, another size, or other colours. */
export class Chart {
  /** @type {uPlot | null} */
  #plot = null;
  /** @type {Picture | null} */
  #picture = null;
  #element; #onHover;

  /** `onHover` gets the index of the bucket at the pointer, or null. @param {HTMLElement} element @param {(index: number | null) => void} onHover */
  constructor(element, onHover) {
    this.#element = element;
    this.#onHover = onHover;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(element);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
  }

  /** @param {Picture | null} picture */
  show(picture) {
    this.#picture = picture;
    this.#draw();
  }

  #size() {
    return { width: this.#element.clientWidth, height: this.#element.clientHeight };
  }

  #draw() {
    this.#plot?.destroy();
    this.#plot = null;
    const picture = this.#picture;
    if (!picture?.buckets.length) return;
    const { buckets, interval, series, bars, currency } = picture;
    const label = (/** @type {number} */ index) => (buckets[index] ? shortest(buckets[index], interval) : '');
    const [x, y] = axes(this.#element, label);
    const values = (/** @type {uPlot} */ _plot, /** @type {number[]} */ ticks) => (
      ticks.map((tick) => (currency ? money(tick, currency, true) : count(tick))));
    this.#plot = new uPlot({
      ...this.#size(),
      padding: [picture.milestones.length ? 22 : 8, 12, 0, 0],
      legend: { show: false },
      hooks: {
        setCursor: [(/** @type {uPlot} */ { cursor: { idx } }) => this.#onHover(typeof idx === 'number' ? idx : null)],
        draw: [(/** @type {uPlot} */ plot) => { hatch(plot, buckets, color(this.#element, 'edge')); mark(plot, picture, color(this.#element, 'ink')); }],
      },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: !bars, size: 8 } },
      scales: { x: { time: false, range: () => [-0.5, buckets.length - 0.5] }, y: { range: yRange } },
      axes: [{ ...x, incrs: WHOLE }, { ...y, size: currency ? 60 : 48, values }],
      series: [{}, ...series.map((one) => ({
        stroke: color(this.#element, one.color),
        fill: bars ? color(this.#element, one.color) : undefined,
        width: bars ? 0 : 2,
        ...(bars ? { paths: uPlot.paths.bars(BAR) } : {}),
        points: { show: !bars && one.values.filter((value) => value !== null).length < 3, size: 6 },
      }))],
    }, [buckets.map((_, index) => index), ...series.map(({ values: given }) => given)], this.#element);
  }
}

/** The first day of a bucket, as an axis has room for it. @param {Bucket} bucket @param {string} interval */
const shortest = (bucket, interval) => bucketDays(interval === 'month' ? bucket : { ...bucket, endDate: bucket.date }, interval);

/** The left edge and the width of a bucket's column, in canvas pixels. @param {uPlot} plot @param {number} index */
function column(plot, index) {
  const left = plot.valToPos(index - 0.5, 'x', true);
  return { left, width: plot.valToPos(index + 0.5, 'x', true) - left };
}

/** Lines across the buckets that are not over: what is missing there is still to come. @param {uPlot} plot @param {Bucket[]} buckets @param {string} stroke */
function hatch(plot, buckets, stroke) {
  const { ctx, bbox } = plot;
  for (const [index, { partial }] of buckets.entries()) {
    if (!partial) continue;
    const { left, width } = column(plot, index);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, width, bbox.height);
    ctx.clip();
    ctx.beginPath();
    for (let at = left - bbox.height; at < left + width; at += HATCH * devicePixelRatio) {
      ctx.moveTo(at, bbox.top + bbox.height);
      ctx.lineTo(at + bbox.height, bbox.top);
    }
    ctx.strokeStyle = stroke;
    ctx.globalAlpha = 0.45;
    ctx.lineWidth = devicePixelRatio;
    ctx.stroke();
    ctx.restore();
  }
}

/** The index of the bucket that has a day; -1 for none. @param {Bucket[]} buckets @param {string} day */
export const bucketOf = (buckets, day) => buckets.findIndex(({ date, endDate }) => date <= day && day <= endDate);

/** A dashed line and the emoji of the last milestone where one was reached. @param {uPlot} plot @param {Picture} picture @param {string} stroke */
function mark(plot, { buckets, milestones }, stroke) {
  const { ctx, bbox } = plot;
  const marks = new Map(milestones.map(({ date, emoji }) => [bucketOf(buckets, date), emoji]));
  marks.delete(-1);
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.fillStyle = stroke;
  ctx.lineWidth = devicePixelRatio;
  ctx.font = `${14 * devicePixelRatio}px sans-serif`;
  ctx.textAlign = 'center';
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const [index, emoji] of marks) {
    const x = plot.valToPos(index, 'x', true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(emoji || '◆', x, bbox.top - 5 * devicePixelRatio);
  }
  ctx.restore();
}

/** What a bucket has of one currency; null where that is not known. @param {Bucket} bucket @param {string | null} currency @returns {BucketMoney | null} */
export function moneyOf(bucket, currency) {
  if (!bucket.byCurrency) return bucket;
  return (currency && bucket.byCurrency[currency]) || null;
}

/**
 * The categories on top of each other, the highest first, since each is drawn over the one before: what is negative is
 * stacked downwards.
 * @param {Bucket[]} buckets @param {string | null} currency
 */
export function stacked(buckets, currency) {
  const up = buckets.map(() => 0);
  const down = buckets.map(() => 0);
  const layers = CATEGORY_NAMES.map((category) => ({
    color: `category-${category}`,
    used: buckets.some((bucket) => moneyOf(bucket, currency)?.[category]),
    values: buckets.map((bucket, index) => {
      const value = moneyOf(bucket, currency)?.[category] ?? 0;
      const heap = value < 0 ? down : up;
      heap[index] += value;
      return value ? heap[index] : 0;
    }),
  }));
  return layers.filter(({ used }) => used).reverse();
}
