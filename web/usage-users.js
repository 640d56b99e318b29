/** The list of users: found by name, zone and goal, with what is near for each. */
import { call } from './api.js';
import { copy, find, part } from './dom.js';
import { count, counted } from './format.js';
import { told } from './notes.js';
import { countsOf, daysOf, nextOf, todayOf } from './usage-words.js';

const PATH = '/api/users';
const PAGE = 50;
const DAY = 86_400_000;

const filters = find('filters', HTMLFormElement);
/** @type {string | null} */
let cursor = null;
let query = new URLSearchParams();
let turn = 0; // only what the newest filter found is shown

/** The address of one user's view. @param {string} id */
export const addressOf = (id) => `#user?${new URLSearchParams({ id })}`;

/** Read and show what a filter finds: its fields are those of the form. @param {URLSearchParams} wanted */
export async function showUsers(wanted) {
  query = wanted;
  filters.onsubmit = (event) => {
    event.preventDefault();
    const chosen = [...new FormData(filters)].map(([name, value]) => [name, String(value).trim()]);
    const address = `#users?${new URLSearchParams(chosen.filter(([, value]) => value))}`;
    if (location.hash === address) told(load)();
    else location.hash = address;
  };
  filters.onreset = () => { location.hash = '#users'; };
  find('more').onclick = told(more);
  for (const element of filters.elements) {
    if (element instanceof HTMLInputElement || element instanceof HTMLSelectElement) {
      element.value = query.get(element.name) ?? '';
    }
  }
  find('back', HTMLAnchorElement).href = `#users${query.size ? `?${query}` : ''}`;
  await load();
}

async function load() {
  find('user-rows').replaceChildren();
  cursor = null;
  await more();
}

async function more() {
  turn += 1;
  const asked = turn;
  find('more').toggleAttribute('disabled', true);
  try {
    /** @type {ListPage<User>} */
    const page = await call(`${PATH}?${paramsOf(query)}`);
    if (asked !== turn) return;
    cursor = page.nextCursor;
    find('user-rows').append(...page.items.map(rowOf));
    summarize();
  } finally {
    find('more').toggleAttribute('disabled', false);
  }
}

/** The form's fields as the API has them. @param {URLSearchParams} chosen */
function paramsOf(chosen) {
  const days = Number(chosen.get('active'));
  const wanted = {
    limit: String(PAGE),
    search: chosen.get('search'),
    activeSince: days ? new Date(Date.now() - days * DAY).toISOString().slice(0, 10) : null,
    hasGoal: chosen.get('goal'),
    near: chosen.get('near'),
    cursor,
  };
  return new URLSearchParams(Object.entries(wanted).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

function summarize() {
  const shown = find('user-rows').children.length;
  find('user-table').hidden = shown === 0;
  find('more').hidden = cursor === null;
  find('no-users').hidden = shown > 0 || cursor !== null;
  part(find('no-users'), '[data-words]').textContent = query.size ? 'No user matches.' : 'No user yet.';
  find('first-event').hidden = query.size > 0;
  find('first-event-code').textContent = [
    `curl ${location.origin}/api/usage/track \\`,
    '  -H "Authorization: Bearer $KEY" -H "content-type: application/json" \\',
    '  -d \'{"userId": "ada", "type": "reply", "id": "reply-1"}\'',
  ].join('\n');
  find('announcement').textContent = `${counted(shown, 'user')}${cursor === null ? '' : ', and there may be more'}`;
}

/** @param {User} user */
function rowOf(user) {
  const row = copy('user-row');
  const link = /** @type {HTMLAnchorElement} */ (part(row, 'a'));
  link.textContent = user.name ?? user.id;
  link.href = addressOf(user.id);
  part(row, '.id').textContent = user.name && user.name !== user.id ? user.id : '';
  part(row, '.totals').textContent = countsOf(user.totals) || '–';
  const month = countsOf(user.month.counts);
  part(row, '.month').textContent = month ? `${month} this month` : '';
  part(row, '.today').textContent = user.today.dailyGoal === null && !countsOf(user.today.counts) ? '–' : todayOf(user.today);
  part(row, '.streak').textContent = user.streakDays ? daysOf(user.streakDays) : count(0);
  const { label, missing } = nextOf(user.near[0]);
  part(row, '.near').textContent = label;
  part(row, '.missing').textContent = missing;
  return row;
}
