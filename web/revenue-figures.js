/** The chart's figures as a table: for those who do not see the chart, and to go from a bucket to its transactions. */
import { find, text } from './dom.js';
import { count } from './format.js';
import { changed, read, write } from './revenue-address.js';
import { moneyOf } from './revenue-charts.js';
import { CATEGORIES, CATEGORY_NAMES, bucketDays, money } from './revenue-words.js';

/** @param {Dashboard} dashboard @param {string | null} currency */
export function drawFigures({ chartData, range: { interval } }, currency) {
  const used = CATEGORY_NAMES.filter((name) => chartData.some((bucket) => moneyOf(bucket, currency)?.[name]));
  const heads = ['Days', 'Transactions', 'Revenue', 'Net', ...used.map((name) => CATEGORIES[name]), 'Subscribers', 'Followers'];
  find('figure-heads').replaceChildren(...heads.map((head, index) => {
    const made = text('th', head, index ? 'number' : '');
    made.setAttribute('scope', 'col');
    return made;
  }));
  find('figure-rows').replaceChildren(...[...chartData].reverse().map((bucket) => {
    const of = moneyOf(bucket, currency);
    const row = document.createElement('tr');
    const head = text('th', '');
    head.setAttribute('scope', 'row');
    head.append(linkTo(bucket, interval), ...(bucket.partial ? [text('span', ' so far', 'soft')] : []));
    const cells = [
      count(of?.transactions ?? 0), money(of?.revenue, currency), money(of?.netRevenue, currency),
      ...used.map((name) => money(of?.[name], currency)), count(bucket.subscribers), count(bucket.followers),
    ];
    row.append(head, ...cells.map((cell) => text('td', cell, 'figures number')));
    return row;
  }));
}

/** @param {Bucket} bucket @param {string} interval */
function linkTo(bucket, interval) {
  const made = /** @type {HTMLAnchorElement} */ (text('a', bucketDays(bucket, interval)));
  const days = { range: /** @type {const} */ ('custom'), from: bucket.date, to: bucket.endDate };
  made.href = write(changed(read(location.search), { ...days, view: 'transactions' }));
  return made;
}
