/** The filters of the page in its address, and in the requests that they lead to. */

/** The values that a filter may have, the default first; any text where there are none. @type {Record<string, string[]>} */
const CHOICES = {
  view: ['overview', 'fanvue', 'transactions', 'creators'],
  agency: [],
  creator: [],
  range: ['30d', '7d', '1y', 'all', 'custom'],
  from: [],
  to: [],
  interval: ['day', 'week', 'month'],
  compare: ['previous', 'none'],
  zone: [],
  chart: ['total', 'category'],
  audience: ['subscribers', 'followers'],
  category: [],
  currency: [],
};
const DATE = /^\d{4}-\d{2}-\d{2}$/;
/** How wide a bucket of a long time is, unless the address says otherwise. @type {Record<string, Filters['interval']>} */
const INTERVALS = { '1y': 'week', all: 'month' };

/** @param {Record<string, string>} filters */
const defaultOf = (filters, /** @type {string} */ name) =>
  (name === 'interval' ? INTERVALS[filters.range] : undefined) ?? CHOICES[name][0] ?? '';

/** What an address says; what it says wrongly, or not at all, has its default. @param {string} search @returns {Filters} */
export function read(search) {
  const query = new URLSearchParams(search);
  /** @type {Record<string, string>} */
  const filters = {};
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = query.get(name) ?? '';
    filters[name] = value && (choices.length === 0 || choices.includes(value)) ? value : defaultOf(filters, name);
  }
  const dated = [filters.from, filters.to].every((date) => DATE.test(date)) && filters.from <= filters.to;
  if (filters.range === 'custom' && !dated) filters.range = CHOICES.range[0];
  if (filters.range !== 'custom') filters.from = filters.to = '';
  return /** @type {Filters} */ (/** @type {unknown} */ (filters));
}

/** The address of these filters, with what differs from the defaults. @param {Filters} filters */
export function write(filters) {
  const given = Object.entries(filters).filter(([name, value]) => value !== defaultOf({ ...filters }, name));
  return given.length ? `/revenue?${new URLSearchParams(given)}` : '/revenue';
}

/** Other filters, with the interval that fits another time. @param {Filters} filters @param {Partial<Filters>} changes */
export function changed(filters, changes) {
  const next = { ...filters, ...changes };
  if (changes.range && changes.range !== filters.range && !changes.interval) {
    next.interval = INTERVALS[next.range] ?? 'day';
  }
  if (next.range !== 'custom') next.from = next.to = '';
  return next;
}

/** @param {Filters} filters @returns {Record<string, string>} */
function shared({ view, agency, creator, range, from, to, zone }) {
  return {
    agencyId: view === 'fanvue' ? '' : agency,
    modelId: view === 'overview' ? '' : creator,
    ...(range === 'custom' ? { startDate: from, endDate: to } : { timeRange: range }),
    timeZone: zone,
  };
}

/** @param {Record<string, string>} query */
const present = (query) => new URLSearchParams(Object.entries(query).filter(([, value]) => value));

/** The query of `GET /api/analytics/dashboard`. @param {Filters} filters */
export function dashboardQuery(filters) {
  const { interval, compare } = filters;
  return present({ ...shared(filters), interval, compare: compare === 'previous' ? compare : '' });
}

/** The query of `GET /api/analytics/transactions`. @param {Filters} filters @param {Record<string, string>} [more] */
export function transactionsQuery(filters, more = {}) {
  const { view, category, currency } = filters;
  return present({ ...shared(filters), ...(view === 'transactions' ? { category, currency } : {}), ...more });
}
