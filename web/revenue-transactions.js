/** The transactions behind the figures: the latest, and all of them page by page. */
import { call } from './api.js';
import { fill, find, part } from './dom.js';
import { told } from './notes.js';
import { transactionsQuery, write } from './revenue-address.js';
import { CATEGORIES, UNKNOWN, instantWords, money } from './revenue-words.js';

const LATEST = 8;
const PAGE = 50;
const MOST_READS = 6; // a page of the API may be short, or empty, and go on: it looks at so many rows at most
/** What is said of a row that is not simply booked. @type {Record<string, string>} */
const STATUSES = {
  push: 'just announced', unconfirmed: 'not confirmed by the platform', gone: 'withdrawn by the platform', replaced: 'replaced',
};

/** @type {Filters | null} */
let by = null;
/** @type {MoneyRow[]} */
let rows = [];
/** @type {string | null} */
let cursor = null;
let ownZone = 'UTC';
let paged = false; // more than the first page is shown

/** @param {Filters} filters @param {string | null} after @param {number} limit @returns {Promise<ListPage<MoneyRow>>} */
const page = (filters, after, limit) => (
  call(`/api/analytics/transactions?${transactionsQuery(filters, { limit: String(limit), ...(after ? { cursor: after } : {}) })}`));

/** The rows that follow, from as many pages as it takes. @param {Filters} filters @param {string | null} after @returns {Promise<ListPage<MoneyRow>>} */
async function whole(filters, after) {
  let found = await page(filters, after, PAGE);
  const items = [...found.items];
  for (let reads = 1; found.nextCursor && items.length < PAGE && reads < MOST_READS; reads += 1) {
    found = await page(filters, found.nextCursor, PAGE - items.length);
    items.push(...found.items);
  }
  return { ...found, items };
}

/** Read the latest; the answer draws them. @param {Filters} filters @returns {Promise<(dashboard: Dashboard) => void>} */
export async function showLatest(filters) {
  const { items } = await page(filters, null, LATEST);
  return ({ range: { timeZone } }) => {
    fill(find('latest-rows'), 'money-row', items, (row, one) => writeRow(row, one, timeZone));
    find('latest-table').hidden = items.length === 0;
    find('no-latest').hidden = items.length > 0;
    find('all', HTMLAnchorElement).href = write({ ...filters, view: 'transactions', creator: filters.view === 'fanvue' ? filters.creator : '' });
  };
}

/**
 * Read the first page of all; the answer draws it. `timeZone` is Cairn's, in which days are counted unless the filters say.
 * @param {Filters} filters @param {string} timeZone @returns {Promise<() => void>}
 */
export async function showTransactions(filters, timeZone) {
  const first = await whole(filters, null);
  return () => {
    by = filters;
    ownZone = timeZone;
    paged = false;
    rows = first.items;
    cursor = first.nextCursor;
    find('more').onclick = told(more);
    draw();
  };
}

/** Read the first page once more, unless the reader has gone on to the next. @returns {Promise<() => void>} */
export async function refreshTransactions() {
  if (!by || paged) return () => {};
  return showTransactions(by, ownZone);
}

async function more() {
  if (!by || !cursor) return;
  const asked = by;
  find('more').toggleAttribute('disabled', true);
  try {
    const next = await whole(asked, cursor);
    if (asked !== by) return;
    paged = true;
    rows = [...rows, ...next.items];
    cursor = next.nextCursor;
    draw();
  } finally {
    find('more').toggleAttribute('disabled', false);
  }
}

function draw() {
  if (!by) return;
  const zone = by.zone || ownZone;
  fill(find('money-rows'), 'money-row', rows, (row, one) => writeRow(row, one, zone));
  find('money-table').hidden = rows.length === 0;
  find('no-money').hidden = rows.length > 0;
  find('no-money').textContent = cursor ? 'None among the newest transactions: go on to those before.' : 'No transaction matches.';
  find('more').hidden = cursor === null;
  find('money-csv', HTMLAnchorElement).href = `/api/analytics/transactions?${transactionsQuery(by)}&format=csv`;
}

/** The trace id is there for who follows a payment through the logs. @param {HTMLElement} row @param {MoneyRow} one @param {string} timeZone */
function writeRow(row, one, timeZone) {
  row.dataset.trace = one.traceId;
  part(row, '.what').textContent = CATEGORIES[one.category] ?? one.category;
  part(row, '.source').textContent = sourceOf(one);
  part(row, '.whose').textContent = one.creatorName;
  part(row, '.payer').textContent = one.payer?.name ?? one.payer?.id ?? UNKNOWN;
  part(row, '.gross').textContent = money(one.gross, one.currency);
  part(row, '.net').textContent = one.net === null ? 'not known yet' : money(one.net, one.currency);
  part(row, 'time').textContent = instantWords(one.at, timeZone);
  part(row, 'time').setAttribute('datetime', one.at);
}

/** @param {MoneyRow} one */
function sourceOf({ source, category, status, origin, reversesOrderId, gross }) {
  const said = STATUSES[status] ?? (origin === 'push' ? STATUSES.push : '');
  const named = source && !category.startsWith(source.toLowerCase()) ? source : '';
  const reversed = reversesOrderId ? `reverses ${reversesOrderId}` : '';
  return [named, gross < 0 && !reversed ? 'reversal' : reversed, said].filter(Boolean).join(', ');
}
