/** How well messages are delivered, in all and of each endpoint, and what people do with them. */
import { call } from './api.js';
import { fill, find } from './dom.js';
import { count, percent, when } from './format.js';
import { duration } from './webhook-words.js';

const DAYS = 7;

/** The figures of the last days. @returns {Promise<Stats>} */
export function readFigures() {
  const from = new Date(Date.now() - DAYS * 86_400_000).toISOString();
  return call(`/api/webhooks/stats?${new URLSearchParams({ from })}`);
}

/** A part of one, as a percentage. @param {number | null} rate */
const part = (rate) => percent(rate === null ? null : rate * 100);

/** @param {Stats} stats */
export function drawFigures({ total, feedback }) {
  find('sum-rate').textContent = part(total.deliveryRate);
  find('sum-latency').textContent = total.latency ? duration(total.latency.p95) : '–';
  find('sum-retries').textContent = part(total.retrySuccess);
  find('sum-oldest').textContent = total.oldestPending ? when(total.oldestPending) : 'None';
  const reported = feedback.filter(({ openRate, clickRate, conversionRate }) => openRate + clickRate + conversionRate > 0);
  find('engagement').hidden = reported.length === 0;
  fill(find('engagement-rows'), 'engagement-row', reported, (row, { type, template, sent, ...rates }) => {
    const cells = [template ? `${type} · ${template}` : type, count(sent)];
    cells.push(part(rates.openRate), part(rates.clickRate), part(rates.conversionRate));
    for (const [index, cell] of cells.entries()) row.children[index].textContent = cell;
  });
}

/** An endpoint's figures in a line, whose place is kept until they are known. @param {Stats | null} stats @param {string} id */
export function figuresOf(stats, id) {
  if (!stats) return '\u00a0';
  const found = stats.endpoints.find(({ endpoint }) => endpoint === id);
  if (!found?.messages) return `Nothing in ${DAYS} days`;
  const parts = [`${part(found.deliveryRate)} of ${count(found.messages)} delivered in ${DAYS} days`];
  if (found.latency) parts.push(`half within ${duration(found.latency.p50)}`);
  if (found.pending) parts.push(`${count(found.pending)} pending`);
  if (found.lift) parts.push(liftOf(found.lift));
  return parts.join(' · ');
}

/** @param {Lift} lift */
function liftOf({ sent, sentConverted, heldOut, heldOutConverted, lift }) {
  const groups = `${count(sentConverted)} of ${count(sent)} converted, held out ${count(heldOutConverted)} of ${count(heldOut)}`;
  return lift === null ? groups : `${groups}: lift ${lift > 0 ? '+' : ''}${part(lift)}`;
}
