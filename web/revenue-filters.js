/** The filters above the figures: each change is a new address. */
import { find, text } from './dom.js';
import { CATEGORIES } from './revenue-words.js';

const form = () => find('filters', HTMLFormElement);
/** Which filters each view has. @type {Record<Filters['view'], string[]>} */
const OF_VIEW = {
  overview: ['agency', 'range', 'interval', 'compare', 'zone'],
  fanvue: ['creator', 'range', 'interval', 'compare', 'zone'],
  transactions: ['agency', 'creator', 'range', 'category', 'currency', 'zone'],
  creators: [],
};

/** @param {string} name */
const control = (name) => /** @type {HTMLInputElement | HTMLSelectElement} */ (form().elements.namedItem(name));

/** Call `change` with each filter that the reader changes. @param {(changes: Partial<Filters>) => void} change */
export function offerFilters(change) {
  form().onsubmit = (event) => event.preventDefault();
  control('category').append(...Object.entries(CATEGORIES).map(([value, label]) => new Option(label, value)));
  find('zones').replaceChildren(...Intl.supportedValuesOf('timeZone').map((zone) => new Option(zone, zone)));
  form().onchange = (event) => {
    const { name, value } = /** @type {HTMLInputElement} */ (event.target);
    if (name === 'range' && value === 'custom') offerDates();
    else if (name === 'from' || name === 'to') takeDates(change);
    else if (name === 'zone') takeZone(value.trim(), change);
    else change({ [name]: value, ...(name === 'agency' ? { creator: '' } : {}) });
  };
  for (const choice of /** @type {NodeListOf<HTMLSelectElement>} */ (document.querySelectorAll('#chart-choice, #audience-choice'))) {
    choice.onchange = () => change({ [choice.name]: choice.value });
  }
}

function offerDates() {
  find('dates').hidden = false;
  control('from').focus();
}

/** @param {(changes: Partial<Filters>) => void} change */
function takeDates(change) {
  const [from, to] = [control('from').value, control('to').value];
  const wrong = from && to && from > to;
  problem(wrong ? 'The first day is after the last.' : '');
  if (from && to && !wrong) change({ range: 'custom', from, to });
}

/** @param {string} zone @param {(changes: Partial<Filters>) => void} change */
function takeZone(zone, change) {
  try {
    if (zone) new Intl.DateTimeFormat('en-US', { timeZone: zone });
    problem('');
    change({ zone });
  } catch {
    problem(`There is no time zone ${zone}.`);
  }
}

/** @param {string} words */
function problem(words) {
  find('filter-problem').textContent = words;
  find('filter-problem').hidden = !words;
}

/**
 * Show what the address says, with the agencies and creators there are.
 * @param {Filters} filters @param {{agencies: Agency[], creators: Creator[], dashboard: Dashboard | null, timeZone: string}} known
 */
export function offer(filters, { agencies, creators, dashboard, timeZone }) {
  problem('');
  form().hidden = OF_VIEW[filters.view].length === 0;
  for (const cell of /** @type {NodeListOf<HTMLElement>} */ (form().querySelectorAll('[data-filter]'))) {
    cell.hidden = !OF_VIEW[filters.view].includes(String(cell.dataset.filter));
  }
  options(control('agency'), [['', 'All agencies'], ...agencies.map(({ id, name }) => [id, name])], filters.agency);
  const own = creators.filter(({ agencyId }) => filters.view === 'fanvue' || !filters.agency || agencyId === filters.agency);
  const named = own.map(({ id, name }) => [id, name]);
  options(control('creator'), filters.view === 'fanvue' ? named : [['', 'All creators'], ...named], filters.creator);
  const currencies = Object.keys(dashboard?.byCurrency ?? {});
  const others = [...creators.flatMap(({ currency }) => currency ?? []), ...currencies];
  options(control('currency'), [['', 'Any'], ...[...new Set(others)].sort().map((code) => [code, code])], filters.currency);
  for (const name of /** @type {const} */ (['range', 'interval', 'compare', 'category'])) control(name).value = filters[name];
  const zone = /** @type {HTMLInputElement} */ (control('zone'));
  zone.value = filters.zone;
  zone.placeholder = timeZone;
  find('dates').hidden = filters.range !== 'custom' || !OF_VIEW[filters.view].includes('range');
  control('from').value = filters.from || (dashboard?.range.startDate ?? '');
  control('to').value = filters.to || (dashboard?.range.endDate ?? '');
  find('chart-choice', HTMLSelectElement).value = filters.chart;
  find('audience-choice', HTMLSelectElement).value = filters.audience;
}

/** The choices of a select; one that is no longer there keeps its id. @param {HTMLElement} select @param {string[][]} choices @param {string} chosen */
function options(select, choices, chosen) {
  const all = choices.some(([value]) => value === chosen) || !chosen ? choices : [...choices, [chosen, chosen]];
  const key = JSON.stringify(all);
  if (select.dataset.choices !== key) {
    select.dataset.choices = key;
    select.replaceChildren(...all.map(([value, label]) => {
      const made = /** @type {HTMLOptionElement} */ (text('option', label));
      made.value = value;
      return made;
    }));
  }
  /** @type {HTMLSelectElement} */ (select).value = chosen;
}
