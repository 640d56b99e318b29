/** The figures of an agency or a creator: tiles, charts, categories, and what the reader has to know of them. */
import { fill, find, part } from './dom.js';
import { count } from './format.js';
import { dashboardQuery, write } from './revenue-address.js';
import { Chart, bucketOf, moneyOf, stacked } from './revenue-charts.js';
import { drawFigures } from './revenue-figures.js';
import { writeAge, writeTile } from './revenue-tiles.js';
import { CATEGORIES, KPIS, age, bucketDays, longDay, money, rate } from './revenue-words.js';

const LISTED_MILESTONES = 8;
/** What the reader must act upon, rather than know. */
const ALARMS = new Set(['failing']);

/** @type {Dashboard | null} */
let shown = null;
/** @type {Filters | null} */
let by = null;
const revenue = new Chart(find('revenue-chart'), (index) => summarizeRevenue(index));
const audience = new Chart(find('audience-chart'), (index) => summarizeAudience(index));
const currencyChoice = find('chart-currency', HTMLSelectElement);
currencyChoice.onchange = () => { if (shown && by) drawRevenue(shown, by); };

/**
 * @param {Dashboard | null} dashboard null when nothing is known @param {Filters} filters
 * @param {{agencies: Agency[], creators: Creator[]}} known @param {boolean} answered whether Cairn has answered at all
 */
export function showDashboard(dashboard, filters, known, answered) {
  shown = dashboard;
  by = filters;
  const empty = answered && (!dashboard || dashboard.creators.length === 0);
  find('no-creators').hidden = !empty;
  part(find('no-creators'), '[data-words]').textContent = emptyWords(filters, known);
  find('figures').hidden = !dashboard || empty;
  writeWarnings(dashboard);
  if (!dashboard || empty) return;
  find('range').textContent = rangeWords(dashboard);
  fill(find('kpis'), 'kpi-tile', KPIS, (tile, kpi) => writeTile(tile, kpi, dashboard));
  drawAges(dashboard);
  offerCurrencies(dashboard);
  drawRevenue(dashboard, filters);
  drawAudience(dashboard, filters);
  writeBreakdown(dashboard, filters);
  writeMilestones(dashboard, known.creators);
  find('chart-csv', HTMLAnchorElement).href = `/api/analytics/dashboard?${dashboardQuery(filters)}&format=csv`;
}

/** How old each part is; a page that cannot ask says that of all. @param {Dashboard | null} dashboard @param {boolean} [cut] */
export function drawAges(dashboard, cut = false) {
  if (!dashboard) return;
  const { asOf, stale, range: { timeZone } } = dashboard;
  const old = { transactions: cut || stale.transactions, audience: cut || stale.audience };
  find('transactions-age').textContent = age(asOf.transactions, old.transactions, timeZone);
  find('audience-age').textContent = age(asOf.audience, old.audience, timeZone);
  find('transactions-part').toggleAttribute('data-stale', old.transactions);
  find('audience-part').toggleAttribute('data-stale', old.audience);
  for (const [index, tile] of [...find('kpis').children].entries()) {
    writeAge(/** @type {HTMLElement} */ (tile), KPIS[index], asOf, old, timeZone);
  }
}

/** @param {Filters} filters @param {{agencies: Agency[], creators: Creator[]}} known */
function emptyWords({ view, agency }, { agencies, creators }) {
  if (view === 'fanvue') return 'No creator of Fanvue yet.';
  if (agency) return `${agencies.find(({ id }) => id === agency)?.name ?? 'This agency'} has no creator yet.`;
  return creators.length ? 'No creator matches.' : 'No creator yet. An administrator adds agencies and creators.';
}

/** @param {Dashboard | null} dashboard */
function writeWarnings(dashboard) {
  const warnings = dashboard?.warnings.filter(({ code }) => code !== 'no_creators') ?? [];
  fill(find('warnings'), 'warning', warnings, (item, { code, message }) => {
    item.textContent = message;
    item.classList.toggle('alarm', ALARMS.has(code));
    item.dataset.code = code;
  });
  find('warnings').hidden = warnings.length === 0;
}

/** @param {Dashboard} dashboard */
function rangeWords({ range: { startDate, endDate, timeZone, complete }, previous, creators }) {
  const days = startDate === endDate ? longDay(startDate) : `${longDay(startDate)} – ${longDay(endDate)}`;
  const compared = previous
    ? ` Compared with ${longDay(previous.range.startDate)} – ${longDay(previous.range.endDate)}${complete ? '' : ', up to the same hour'}.`
    : '';
  const whose = creators.length === 1 ? creators[0].name : `${count(creators.length)} creators`;
  return `${whose}: ${days}, days in ${timeZone}${complete ? '' : '; the last one is not over'}.${compared}`;
}

/** One currency at a time on the chart: they have no common scale. @param {Dashboard} dashboard */
function offerCurrencies({ byCurrency, currency }) {
  const codes = Object.keys(byCurrency).sort((one, other) => byCurrency[other].transactions - byCurrency[one].transactions);
  const chosen = codes.includes(currencyChoice.value) ? currencyChoice.value : (currency ?? codes[0] ?? '');
  currencyChoice.replaceChildren(...codes.map((code) => new Option(code, code)));
  currencyChoice.value = chosen;
  find('chart-currency-cell').hidden = codes.length < 2;
}

/** @param {Dashboard} dashboard */
const currencyOf = ({ currency }) => currencyChoice.value || currency;

/** @param {Dashboard} dashboard @param {Filters} filters */
function drawRevenue(dashboard, { chart }) {
  const currency = currencyOf(dashboard);
  const buckets = dashboard.chartData;
  const layers = stacked(buckets, currency);
  const total = [{ color: 'accent', values: buckets.map((bucket) => moneyOf(bucket, currency)?.revenue ?? null) }];
  revenue.show({
    buckets, interval: dashboard.range.interval, bars: true, currency, milestones: dashboard.milestones,
    series: chart === 'category' ? layers : total,
  });
  fill(find('legend'), 'legend-item', chart === 'category' ? [...layers].reverse() : [], (item, { color }) => {
    part(item, '.swatch').dataset.category = color.replace('category-', '');
    part(item, '.label').textContent = CATEGORIES[/** @type {MoneyCategory} */ (color.replace('category-', ''))];
  });
  find('legend').hidden = chart !== 'category';
  summarizeRevenue(null);
  drawFigures(dashboard, currency);
}

/** @param {number | null} index the bucket at the pointer */
function summarizeRevenue(index) {
  if (!shown) return;
  const currency = currencyOf(shown);
  const { chartData, range: { interval }, milestones } = shown;
  const words = (/** @type {Bucket} */ bucket) => {
    const of = moneyOf(bucket, currency);
    return `${bucketDays(bucket, interval)}: ${money(of?.revenue, currency)}${bucket.partial ? ' so far' : ''}`;
  };
  if (index === null) {
    const best = chartData.reduce((one, other) => (
      (moneyOf(other, currency)?.revenue ?? 0) > (moneyOf(one, currency)?.revenue ?? 0) ? other : one), chartData[0]);
    const partial = chartData.some((bucket) => bucket.partial) ? ' Hatched: not over yet.' : '';
    find('revenue-summary').textContent = best && moneyOf(best, currency)?.revenue ? `The most: ${words(best)}.${partial}` : `No revenue in this time.${partial}`;
    return;
  }
  const bucket = chartData[index];
  const reached = milestones.filter(({ date }) => bucketOf(chartData, date) === index).map(({ title }) => title);
  const of = moneyOf(bucket, currency);
  const parts = /** @type {MoneyCategory[]} */ (Object.keys(CATEGORIES)).filter((name) => of?.[name])
    .map((name) => `${CATEGORIES[name].toLowerCase()} ${money(of?.[name], currency)}`);
  find('revenue-summary').textContent = [words(bucket), ...parts, ...reached].join(' · ');
}

/** @param {Dashboard} dashboard @param {Filters} filters */
function drawAudience({ chartData, range }, filters) {
  const values = chartData.map((bucket) => bucket[filters.audience]);
  const unknown = values.every((value) => value === null);
  find('audience-chart').hidden = unknown;
  audience.show(unknown ? null : {
    buckets: chartData, interval: range.interval, bars: false, currency: null, milestones: [],
    series: [{ color: 'accent', values }],
  });
  summarizeAudience(null);
}

/** @param {number | null} index */
function summarizeAudience(index) {
  if (!shown || !by) return;
  const name = by.audience;
  const { chartData, range: { interval } } = shown;
  const dated = chartData.filter((bucket) => bucket[name] !== null);
  if (index !== null) {
    const bucket = chartData[index];
    const flows = name === 'subscribers' && bucket.newSubscribers !== null ? ` (${count(bucket.newSubscribers)} new, ${count(bucket.endedSubscribers)} ended)` : '';
    find('audience-summary').textContent = `${bucketDays(bucket, interval)}: ${count(bucket[name])} ${name}${flows}`;
    return;
  }
  const [first, last] = [dated[0], dated[dated.length - 1]];
  const known = dated.length < chartData.length && dated.length ? ` Known since ${bucketDays(first, interval)}.` : '';
  find('audience-summary').textContent = dated.length
    ? `From ${count(first[name])} to ${count(last[name])} ${name}.${known}` : `Nothing is known of ${name} in this time.`;
}

/** @param {Dashboard} dashboard @param {Filters} filters */
function writeBreakdown(dashboard, filters) {
  const { currency, byCurrency, categoryBreakdown } = dashboard;
  const codes = Object.keys(byCurrency);
  const lines = codes.length > 1
    ? codes.flatMap((code) => byCurrency[code].categoryBreakdown.map((line) => ({ ...line, code })))
    : categoryBreakdown.map((line) => ({ ...line, code: currency ?? codes[0] ?? '' }));
  const seen = lines.filter(({ count: number, revenue: sum }) => number || sum);
  fill(find('breakdown-rows'), 'breakdown-row', seen, (row, { category, code, count: number, revenue: sum, share }) => {
    const link = /** @type {HTMLAnchorElement} */ (part(row, 'a'));
    link.textContent = codes.length > 1 ? `${CATEGORIES[category]}, ${code}` : CATEGORIES[category];
    const more = { category, ...(codes.length > 1 ? { currency: code } : {}) };
    link.href = write({ ...filters, ...more, view: 'transactions', creator: filters.view === 'fanvue' ? filters.creator : '' });
    const [amount, transactions, part_] = row.querySelectorAll('td');
    amount.textContent = money(sum, code);
    transactions.textContent = count(number);
    part(part_, '.share').textContent = rate(share);
    const bar = part(part_, '.share-bar');
    bar.dataset.category = category;
    bar.style.setProperty('--share', String(Math.max(0, Math.min(1, share ?? 0))));
  });
  find('breakdown').hidden = seen.length === 0;
  find('no-breakdown').hidden = seen.length > 0;
}

/** @param {Dashboard} dashboard @param {Creator[]} creators */
function writeMilestones({ milestones }, creators) {
  const newest = [...milestones].sort((one, other) => (one.date < other.date ? 1 : -1));
  const listed = newest.slice(0, LISTED_MILESTONES);
  fill(find('milestone-list'), 'milestone-item', listed, (item, { date, title, emoji, creatorId }) => {
    const name = creators.find(({ id }) => id === creatorId)?.name;
    part(item, '.emoji').textContent = emoji || '◆';
    part(item, '.title').textContent = name && !title.includes(name) ? `${name}: ${title}` : title;
    part(item, 'time').textContent = longDay(date);
    part(item, 'time').setAttribute('datetime', date);
  });
  find('milestones').hidden = listed.length === 0;
  const rest = newest.length - listed.length;
  find('more-milestones').textContent = rest > 0 ? `and ${count(rest)} before` : '';
  find('more-milestones').hidden = rest <= 0;
}

