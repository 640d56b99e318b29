/** A tile: the figure, how it changed, how old it is, and how it is computed. */
import { part, text } from './dom.js';
import { MEANINGS, age, ago, change, figure, money, plain, spoken } from './revenue-words.js';

/** @typedef {(typeof import('./revenue-words.js').KPIS)[number]} Kpi */

/** @param {HTMLElement} tile @param {Kpi} kpi @param {Dashboard} dashboard */
export function writeTile(tile, { name, label, kind }, dashboard) {
  const { kpiMetrics, currency, byCurrency, formulas } = dashboard;
  const value = kpiMetrics[name] ?? null;
  const mixed = kind === 'money' && value === null && Object.keys(byCurrency).length > 1;
  tile.dataset.kpi = name;
  part(tile, '.name').textContent = label;
  part(tile, '.value').textContent = mixed ? 'Several currencies' : figure(kind, value, currency);
  part(tile, '.value').classList.toggle('words', mixed);
  part(tile, '.each').textContent = mixed ? eachCurrency(byCurrency, name) : '';
  part(tile, '.change').textContent = changeWords({ name, kind }, dashboard);
  const formula = formulas[name];
  part(tile, '.of').textContent = `: ${label}`;
  part(tile, '.formula').textContent = formula?.formula ? `= ${formula.formula}` : (MEANINGS[name] ?? '');
  part(tile, '.inputs').replaceChildren(...inputs(formula, currency));
  const why = reason(value, mixed, formula);
  part(tile, '.why').textContent = why;
  part(tile, '.reason').textContent = value === null && !mixed ? why : '';
}

/** `$12.50 · €3.00`, where the platform says so for each. @param {Record<string, CurrencySums>} byCurrency @param {string} name */
function eachCurrency(byCurrency, name) {
  const known = Object.entries(byCurrency).filter(([, sums]) => name in sums);
  return known.map(([code, sums]) => money(/** @type {Record<string, any>} */ (sums)[name], code)).join(' · ');
}

/** Why a figure is not known. @param {number | null} value @param {boolean} mixed @param {Formula | undefined} formula */
function reason(value, mixed, formula) {
  if (value !== null) return '';
  if (formula?.why) return formula.why;
  return mixed ? 'Amounts of several currencies have no sum.' : 'Not known yet.';
}

/** @param {Formula | undefined} formula @param {string | null} currency */
function inputs(formula, currency) {
  return Object.entries(formula?.inputs ?? {}).map(([name, value]) => {
    const pair = document.createElement('div');
    const isMoney = typeof value === 'number' && /revenue|arpu/i.test(name);
    pair.append(text('dt', spoken(name)), text('dd', isMoney ? money(value, currency) : plain(value), 'figures'));
    return pair;
  });
}

/** @param {Pick<Kpi, 'name' | 'kind'>} kpi @param {Dashboard} dashboard */
function changeWords({ name, kind }, { previous, kpiMetrics, currency }) {
  if (!previous) return '';
  const before = previous.kpiMetrics[name] ?? null;
  const by = previous.changes[name] ?? null;
  if (kpiMetrics[name] === null) return '';
  if (before === null) return 'Nothing to compare with';
  const was = figure(kind, before, currency);
  if (by === null) return `Before: ${was}`;
  const arrow = by > 0 ? '▲' : '▼';
  return by === 0 ? `Unchanged from ${was}` : `${arrow} ${change(by)} from ${was}`;
}

/**
 * How old a figure is: as old as the oldest of what it is made of.
 * @param {HTMLElement} tile @param {Kpi} kpi @param {Dashboard['asOf']} asOf @param {Dashboard['stale']} stale @param {string} timeZone
 */
export function writeAge(tile, { of }, asOf, stale, timeZone) {
  const old = of.some((one) => stale[one]);
  const oldest = of.map((one) => asOf[one]).reduce((one, other) => (!one || !other ? null : [one, other].sort()[0]));
  const line = part(tile, '.age');
  line.textContent = oldest && !old ? `As of ${ago(oldest)}` : age(oldest, old, timeZone);
  tile.toggleAttribute('data-stale', old);
}

