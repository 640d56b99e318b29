/** How the page writes money, figures, days and ages. An unknown value is a dash with its reason, never a zero. */
import { serverNow } from './api.js';
import { count } from './format.js';

const LANGUAGE = 'en-US';
export const UNKNOWN = '–';
const MINUTE = 60_000;
const DAY = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const SHORT_DAY = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const MONTH = new Intl.DateTimeFormat(LANGUAGE, { month: 'short', year: 'numeric', timeZone: 'UTC' });
const AGO = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: 'always' });
const PERCENT = new Intl.NumberFormat(LANGUAGE, { style: 'percent', maximumFractionDigits: 1 });
const CHANGE = new Intl.NumberFormat(LANGUAGE, { style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero' });

/** @type {Record<MoneyCategory, string>} */
export const CATEGORIES = {
  messages: 'Messages', tips: 'Tips', subscriptions: 'Subscriptions', posts: 'Posts', renewals: 'Renewals', referrals: 'Referrals', other: 'Other',
};
export const CATEGORY_NAMES = /** @type {MoneyCategory[]} */ (Object.keys(CATEGORIES));

/**
 * The figures, in their order: what each is made of says how old it is.
 * @type {{name: string, label: string, kind: 'money' | 'count' | 'rate', of: Part[]}[]}
 */
export const KPIS = [
  { name: 'totalRevenue', label: 'Total revenue', kind: 'money', of: ['transactions'] },
  { name: 'netRevenue', label: 'Net revenue', kind: 'money', of: ['transactions'] },
  { name: 'transactions', label: 'Transactions', kind: 'count', of: ['transactions'] },
  { name: 'subscribers', label: 'Subscribers', kind: 'count', of: ['audience'] },
  { name: 'followers', label: 'Followers', kind: 'count', of: ['audience'] },
  { name: 'messages', label: 'Messages', kind: 'count', of: ['audience'] },
  { name: 'posts', label: 'Posts', kind: 'count', of: ['audience'] },
  { name: 'arpu', label: 'Revenue per subscriber (ARPU)', kind: 'money', of: ['transactions', 'audience'] },
  { name: 'arppu', label: 'Revenue per payer (ARPPU)', kind: 'money', of: ['transactions'] },
  { name: 'ltv', label: 'Lifetime value (LTV)', kind: 'money', of: ['transactions', 'audience'] },
  { name: 'conversionRate', label: 'Conversion rate', kind: 'rate', of: ['transactions', 'audience'] },
  { name: 'churnRate', label: 'Churn rate', kind: 'rate', of: ['audience'] },
];

/** What the figures that need no formula are. @type {Record<string, string>} */
export const MEANINGS = {
  totalRevenue: 'Sum of all transactions, gross; refunds and chargebacks are negative',
  netRevenue: 'Sum of what the platform says is left of each transaction',
  transactions: 'Number of transactions, with refunds and chargebacks',
  subscribers: 'Active subscribers, as the platform counts them now',
  followers: 'Followers, as the platform counts them now',
  messages: 'Chats in the inbox, as the platform counts them now',
  posts: 'Posts, as the platform counts them now',
};

/** @type {Map<string, Intl.NumberFormat>} */
const writers = new Map();

/** Money in major units. A code that is no currency's is written beside the number. @param {number | null | undefined} value @param {string | null} currency */
export function money(value, currency, compact = false) {
  if (typeof value !== 'number') return UNKNOWN;
  if (!currency) return new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: value % 1 ? 2 : 0 }).format(value);
  const key = `${currency} ${compact}`;
  try {
    const short = compact ? { notation: /** @type {const} */ ('compact'), maximumFractionDigits: 1, minimumFractionDigits: 0 } : {};
    const writer = writers.get(key) ?? new Intl.NumberFormat(LANGUAGE, { style: 'currency', currency, ...short });
    writers.set(key, writer);
    return writer.format(value);
  } catch {
    return `${value} ${currency}`;
  }
}

/** @param {number | null | undefined} value */
export const rate = (value) => (typeof value === 'number' ? PERCENT.format(value) : UNKNOWN);

/** `+12%`; a dash for none. @param {number | null | undefined} value */
export const change = (value) => (typeof value === 'number' ? CHANGE.format(value) : UNKNOWN);

/** A figure by its kind. @param {'money' | 'count' | 'rate'} kind @param {number | null | undefined} value @param {string | null} currency */
export function figure(kind, value, currency) {
  if (kind === 'money') return money(value, currency);
  return kind === 'rate' ? rate(value) : count(value);
}

/** An input of a formula: `meanSubscribers` is `Mean subscribers`. @param {string} name */
export function spoken(name) {
  const words = name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A number as it is, with at most four decimals. @param {number | string | null} value */
export function plain(value) {
  if (typeof value !== 'number') return value ?? UNKNOWN;
  return new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 4 }).format(value);
}

/** @param {string} date */
const noon = (date) => new Date(`${date}T12:00:00Z`);
/** @param {string} date */
export const longDay = (date) => DAY.format(noon(date));

/** The days of a bucket: `Nov 3`, `Nov 3 – Nov 9`, `Nov 2026`. @param {Bucket} bucket @param {string} interval */
export function bucketDays({ date, endDate }, interval) {
  if (interval === 'month' && date.slice(8) === '01') return MONTH.format(noon(date));
  return date === endDate ? SHORT_DAY.format(noon(date)) : `${SHORT_DAY.format(noon(date))} – ${SHORT_DAY.format(noon(endDate))}`;
}

/** @param {string} instant @param {string} [timeZone] */
export function instantWords(instant, timeZone) {
  return new Intl.DateTimeFormat(LANGUAGE, {
    day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone,
  }).format(new Date(instant));
}

/** `3 minutes ago`. @param {string} instant */
export function ago(instant) {
  const minutes = Math.floor((serverNow() - Date.parse(instant)) / MINUTE);
  if (minutes < 1) return 'less than a minute ago';
  if (minutes < 60) return AGO.format(-minutes, 'minute');
  if (minutes < 48 * 60) return AGO.format(-Math.floor(minutes / 60), 'hour');
  return AGO.format(-Math.floor(minutes / 60 / 24), 'day');
}

/** How old something is. @param {string | null} asOf @param {boolean} stale @param {string} [timeZone] */
export function age(asOf, stale, timeZone) {
  if (!asOf) return 'Not read yet';
  const words = `${instantWords(asOf, timeZone)}, ${ago(asOf)}`;
  return stale ? `Stale: last read ${words}` : `As of ${words}`;
}
