/** What uPlot's charts of these pages have in common: the page's colours, whole numbers, short labels. */
export const WHOLE = Array.from({ length: 7 }, (_, zeros) => [1, 2, 5].map((step) => step * 10 ** zeros)).flat();
const MIN_TOP = 5; // keeps the scale's ticks whole for small numbers
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

/** The value of a style sheet's colour, such as `accent`. @param {HTMLElement} element @param {string} name */
export const color = (element, name) => getComputedStyle(element).getPropertyValue(`--${name}`).trim();

/**
 * The axes of instants and of whole numbers.
 * @param {HTMLElement} element @param {(seconds: number) => string} label
 */
export function axes(element, label) {
  const axis = {
    stroke: color(element, 'soft'),
    font: `12px ${getComputedStyle(element).fontFamily}`,
    grid: { stroke: color(element, 'line'), width: 1 },
    ticks: { show: false },
  };
  return [
    { ...axis, size: 28, grid: { show: false }, values: ticks(label) },
    { ...axis, size: 44, incrs: WHOLE, values: ticks((tick) => compact.format(tick)) },
  ];
}

/** From zero, or from below it. @param {uPlot} _plot @param {number | null} lowest @param {number | null} highest */
export const yRange = (_plot, lowest, highest) => [
  Math.min(0, Math.floor((lowest ?? 0) * 1.1)),
  Math.max(MIN_TOP, Math.ceil((highest ?? 0) * 1.1)),
];

/** The labels of an axis. @param {(tick: number) => string} label */
const ticks = (label) => (/** @type {uPlot} */ _plot, /** @type {number[]} */ values) => values.map(label);
