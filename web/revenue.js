/** Revenue: what an agency's creators earn and whom they reach, with the age of each figure. */
import { ApiError, call, config, list, patiently, serverNow, statusOf } from './api.js';
import { find, part } from './dom.js';
import { LiveState } from './elements.js';
import { clock } from './format.js';
import { explained } from './forms.js';
import { failed, say, told } from './notes.js';
import { REVENUE_MODULES } from './pages.js';
import { requireSession, signInUrl } from './require-sign-in.js';
import { changed, dashboardQuery, read, write } from './revenue-address.js';
import { showCreators } from './revenue-creators.js';
import { drawAges, showDashboard } from './revenue-dashboard.js';
import { offer, offerFilters } from './revenue-filters.js';
import { keepFresh } from './revenue-refresh.js';
import { offerSync } from './revenue-sync.js';
import { refreshTransactions, showLatest, showTransactions } from './revenue-transactions.js';
import { keepSession } from './session.js';

const AGES_EVERY = 15_000;
const ALL_CREATORS = 5_000;
/** @type {Record<string, string>} */
const TABS = { overview: 'Overview', fanvue: 'Fanvue' };

/** What the page knows: agencies and creators for its choices, and the figures that it shows. */
const known = {
  /** @type {Agency[]} */ agencies: [],
  /** @type {Creator[]} */ creators: [],
  /** @type {Dashboard | null} */ dashboard: null,
  /** Cairn's own. */ timeZone: 'UTC',
};
let filters = read(location.search);
let turn = 0; // only what was asked for last is shown
let listed = false; // agencies and creators are known

const person = await patiently(() => requireSession(REVENUE_MODULES), ({ message }) => say(`${message}. Trying again …`))
  .catch(failed);
if (person) {
  say('');
  keepSession(person);
  await start(person);
}

/** @param {Session} who */
async function start(who) {
  addEventListener('popstate', told(() => { filters = read(location.search); return show(who); }));
  document.addEventListener('click', (event) => follow(event, who));
  offerFilters((changes) => go(changed(filters, changes), who));
  keepFresh({
    due: told(() => {
      if (filters.view in TABS) console.info(`[${TABS[filters.view]}] Auto-refreshing data...`); // an operator looks for it
      return refresh(who);
    }),
    news: told(() => refresh(who)),
    state: (state) => { find('state', LiveState).state = state; find('polling').hidden = state !== 'closed'; },
    signedOut: () => location.assign(signInUrl()),
  });
  setInterval(() => document.hidden || drawAges(known.dashboard), AGES_EVERY);
  find('again').onclick = told(() => refresh(who));
  await told(() => readLists())();
  offerSync({ creator: () => (filters.view === 'fanvue' ? filters.creator : ''), done: told(() => refresh(who)) });
  await told(() => show(who))();
}

/** A link to another view of this page, without loading the page again. @param {MouseEvent} event @param {Session} who */
function follow(event, who) {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.pathname !== location.pathname || link.hasAttribute('download') || link.hash) return;
  event.preventDefault();
  go(read(link.search), who);
}

/** @param {Filters} wanted @param {Session} who */
function go(wanted, who) {
  const address = write(wanted);
  if (address !== location.pathname + location.search) history.pushState(null, '', address);
  filters = wanted;
  return told(() => show(who))();
}

async function readLists() {
  const [agencies, creators, settings] = await Promise.all([
    list('/api/agencies', { limit: ALL_CREATORS }), list('/api/creators', { limit: ALL_CREATORS }), config(),
  ]);
  known.timeZone = settings.timeZone;
  known.agencies = agencies.items;
  known.creators = creators.items;
  listed = true;
}

/** Draw the view that the address names. @param {Session} who */
async function show(who) {
  say('');
  if (filters.view === 'fanvue') chooseCreator();
  offer(filters, known);
  const shown = filters.view in TABS ? 'dashboard' : filters.view;
  for (const each of ['dashboard', 'transactions', 'creators']) find(each).hidden = each !== shown;
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll('.views a'))) {
    const view = read(link.search).view;
    link.search = write({ ...filters, view, category: '', currency: '' }).replace('/revenue', '');
    if (view === filters.view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  find('dashboard').setAttribute('aria-label', TABS[filters.view] ?? '');
  known.dashboard = shown === 'dashboard' ? known.dashboard : null;
  part(document, '#dashboard').setAttribute('aria-busy', 'true');
  await refresh(who, true);
}

/** The tab of one creator has one: the first, until the reader chooses. */
function chooseCreator() {
  const found = known.creators.filter(({ platform }) => platform === 'fanvue');
  if (!listed || found.some(({ id }) => id === filters.creator)) return;
  filters = { ...filters, creator: found[0]?.id ?? '' };
  history.replaceState(null, '', write(filters));
}

/**
 * Read what is shown once more. What cannot be read leaves the figures as they are, and says so.
 * @param {Session} who @param {boolean} [first] whether the view is new, so that nothing may stay
 */
async function refresh(who, first = false) {
  turn += 1;
  const asked = turn;
  try {
    if (!listed) await readLists();
    const drawn = await readView(who, first);
    if (asked !== turn) return;
    drawn();
    find('read-at').textContent = `Read at ${clock(serverNow())}.`;
    notRefreshed('');
  } catch (error) {
    if (asked !== turn) return;
    if (!(error instanceof ApiError) || [401, 403].includes(statusOf(error) ?? 0)) throw error;
    if (first) {
      known.dashboard = null;
      showDashboard(null, filters, known, false);
    }
    const kept = known.dashboard ? ' The figures are those of before.' : '';
    notRefreshed(`${explained(error)}${kept} Cairn is asked again within 2 minutes.`);
    drawAges(known.dashboard, true);
  } finally {
    if (asked === turn) find('dashboard').setAttribute('aria-busy', 'false');
  }
}

/** What draws the view's newest figures. @param {Session} who @param {boolean} first @returns {Promise<() => void>} */
async function readView(who, first) {
  if (filters.view === 'transactions') return first ? showTransactions(filters, known.timeZone) : refreshTransactions();
  if (filters.view === 'creators') {
    await readLists();
    return () => showCreators(known, who, () => { listed = false; return refresh(who); });
  }
  if (filters.view === 'fanvue' && !filters.creator) return () => showDashboard(null, filters, known, true);
  const asked = filters;
  const [dashboard, latest] = await Promise.all([call(`/api/analytics/dashboard?${dashboardQuery(asked)}`), showLatest(asked)]);
  if (dashboard.creators.some((/** @type {{id: string}} */ { id }) => !known.creators.some((creator) => creator.id === id))) {
    await readLists(); // somebody has added one
  }
  return () => {
    known.dashboard = dashboard;
    offer(filters, known);
    showDashboard(dashboard, filters, known, true);
    latest(dashboard);
  };
}

/** @param {string} words */
function notRefreshed(words) {
  find('not-refreshed').hidden = !words;
  find('not-refreshed-words').textContent = words;
}
