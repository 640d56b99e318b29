/** What all users did on each day, as a chart and as a table. */
import { call } from './api.js';
import { axes, color, yRange } from './chart.js';
import { find } from './dom.js';
import { count } from './format.js';
import { told } from './notes.js';
import { addDays } from './usage-calendar.js';
import { allOf, at, shortDay, spoken, titled } from './usage-words.js';

/** What is shown beside the metrics, by its name. @type {Record<string, (day: TotalsDay) => number>} */
const PEOPLE = { 'active users': ({ users }) => users, 'goals met': ({ goals }) => goals };
const DAY_SECONDS = 86_400;
const AXIS = new Intl.DateTimeFormat('en-US', { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** @type {uPlot | null} */
let plot = null;
/** @type {TotalsDay[]} */
let days = [];
let turn = 0; // only what was asked for last is shown

const form = find('totals-form', HTMLFormElement);
const chart = find('chart');
const metric = find('metric', HTMLSelectElement);

new ResizeObserver(() => plot?.setSize(size())).observe(chart);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);

/** @param {URLSearchParams} query */
export async function showTotals(query) {
  const span = find('span', HTMLSelectElement);
  span.value = query.get('days') ?? span.value;
  form.onsubmit = (event) => event.preventDefault();
  span.onchange = told(load);
  metric.onchange = draw;
  await load();
}

async function load() {
  turn += 1;
  const asked = turn;
  const to = new Date().toISOString().slice(0, 10);
  const from = addDays(to, 1 - Number(find('span', HTMLSelectElement).value));
  const { items, asOf } = await call(`/api/usage/totals?${new URLSearchParams({ from, to })}`);
  if (asked !== turn) return;
  find('as-of').textContent = asOf ? `, the last time ${at(asOf)}` : ', and were not yet';
  const known = new Map(/** @type {TotalsDay[]} */ (items).map((day) => [day.date, day]));
  const last = items.length ? [to, items[items.length - 1].date].sort()[1] : to; // east of here, a day may be ahead
  days = [];
  for (let date = from; date <= last; date = addDays(date, 1)) {
    days.push(known.get(date) ?? { date, counts: {}, imported: {}, users: 0, goals: 0 });
  }
  offerMetrics();
  draw();
}

function offerMetrics() {
  const names = [...new Set(days.flatMap((day) => Object.keys(allOf(day))))];
  const chosen = metric.value;
  metric.replaceChildren(...[...names, ...Object.keys(PEOPLE)].map((name) => new Option(titled(name), name)));
  if (chosen && [...metric.options].some(({ value }) => value === chosen)) metric.value = chosen;
  find('no-totals').hidden = names.length > 0;
  find('chart-card').hidden = names.length === 0;
}

/** @param {TotalsDay} day @param {string} name */
const numberOf = (day, name) => (name in PEOPLE ? PEOPLE[name](day) : allOf(day)[name]) ?? 0;

const size = () => ({ width: chart.clientWidth, height: chart.clientHeight });

/** Half a day more on both sides, for whole bars. @param {uPlot} _plot @param {number} low @param {number} high */
const xRange = (_plot, low, high) => [low - DAY_SECONDS / 2, high + DAY_SECONDS / 2];

function draw() {
  plot?.destroy();
  plot = null;
  if (find('chart-card').hidden || !days.length) return;
  const values = days.map((day) => numberOf(day, metric.value));
  const instants = days.map(({ date }) => Date.parse(`${date}T00:00:00Z`) / 1000);
  plot = new uPlot({
    ...size(),
    padding: [8, 12, 0, 0],
    legend: { show: false },
    hooks: { setCursor: [(/** @type {uPlot} */ { cursor: { idx } }) => { summarize(typeof idx === 'number' ? idx : null); }] },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
    scales: { x: { time: true, range: xRange }, y: { range: yRange } },
    axes: axes(chart, (seconds) => AXIS.format(seconds * 1000)),
    tzDate: (/** @type {number} */ seconds) => uPlot.tzDate(new Date(seconds * 1000), 'UTC'),
    series: [{}, {
      stroke: color(chart, 'accent'),
      fill: color(chart, 'accent'),
      width: 0,
      paths: uPlot.paths.bars({ size: [0.7, 40], radius: 0.15 }),
      points: { show: false },
    }],
  }, [instants, values], chart);
  summarize(null);
  drawTable();
}

/** @param {number | null} index the day at the pointer */
function summarize(index) {
  const name = spoken(metric.value);
  const value = (/** @type {TotalsDay} */ day) => numberOf(day, metric.value);
  const best = days.reduce((one, other) => (value(other) > value(one) ? other : one));
  const sum = days.reduce((total, day) => total + value(day), 0);
  const all = metric.value === 'active users' ? '' : `${count(sum)} ${name} in ${count(days.length)} days. `;
  find('chart-summary').textContent = index === null
    ? `${all}The most on ${shortDay(best.date)}: ${count(value(best))}.`
    : `${shortDay(days[index].date)}: ${count(value(days[index]))} ${name}`;
}

function drawTable() {
  const names = [...metric.options].map(({ value }) => value);
  const cell = (/** @type {string} */ words, kind = 'td', scope = '') => {
    const made = document.createElement(kind);
    made.textContent = words;
    made.className = 'figures number';
    if (scope) made.setAttribute('scope', scope);
    return made;
  };
  find('total-heads').replaceChildren(cell('Day', 'th', 'col'), ...names.map((name) => cell(titled(name), 'th', 'col')));
  find('total-rows').replaceChildren(...[...days].reverse().map((day) => {
    const row = document.createElement('tr');
    row.append(cell(shortDay(day.date), 'th', 'row'), ...names.map((name) => cell(count(numberOf(day, name)))));
    return row;
  }));
}
