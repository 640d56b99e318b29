/** The month's leaderboard: every rank, live, sorted as the reader likes. */
import { call, config, list, patiently, serverNow, statusOf } from './api.js';
import { Celebrations } from './celebrations.js';
import { arrange, copy, fill, find, flash, part, text } from './dom.js';
import { LiveState } from './elements.js';
import { TV, follow } from './feed.js';
import { clock, count, growth, money, month, period as periodOf } from './format.js';
import { LADDERS, distance, goalProgress, nearest } from './next-milestone.js';
import { BOARD_MODULES } from './pages.js';
import { requireSession, showAccessDenied, signInUrl } from './require-sign-in.js';
import { keepSession } from './session.js';

const PAGE = 100;
const MONTHS_BACK = 24;
const TOAST = 8000;
const BADGES_AFTER = 1500; // a badge is stored at the same time as its milestone is announced, not before
const ASCENDING = new Set(['rank', 'name']);

/**
 * @typedef {ReturnType<typeof newRow>} Row
 * @typedef {'rank' | 'name' | 'monthlyRevenue' | 'monthlySignups' | 'goalProgress' | 'monthlyGrowth'
 *   | 'currentBonusTier'} SortKey
 */

/** @type {Map<number, Row>} */
const rows = new Map(); // by rep id
/** @type {Map<number, number>} */
const ranksBefore = new Map(); // the first that the page saw of each rep
/** @type {Map<number, Badge[]>} */
const badges = new Map();
const celebrations = new Celebrations();
const state = find('state', LiveState);
const filter = find('filter', HTMLInputElement);
const toast = find('toast');
/** @type {NodeListOf<HTMLButtonElement>} */
const sortButtons = document.querySelectorAll('[data-sort]');
/** @type {Board} */
let board = { items: [], total: 0, period: '', at: null };
let archived = false;
/** @type {{key: SortKey, descending: boolean}} */
let sort = { key: 'rank', descending: false };
let limit = PAGE;
/** @type {string | undefined} */
let timeZone;
/** @type {import('./next-milestone.js').Ladders} */
let ladders = LADDERS;
/** @type {Awaited<ReturnType<typeof follow>> | null} */
let feed = null;
let opened = 0;
let live = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let toastTimer;

const person = await patiently(() => requireSession(BOARD_MODULES), retrying).catch(({ message }) => {
  showNote(message);
  return null;
});
if (person) await start();

async function start() {
  keepSession(person);
  const period = find('period', HTMLSelectElement);
  find('tools').addEventListener('submit', (event) => event.preventDefault());
  filter.addEventListener('input', () => show());
  period.addEventListener('change', () => {
    location.assign(period.value ? `/leaderboard?period=${period.value}` : '/leaderboard');
  });
  find('more').addEventListener('click', () => { limit += PAGE; loadMore(); });
  for (const button of sortButtons) button.addEventListener('click', () => sortBy(button));
  const wanted = new URLSearchParams(location.search).get('period');
  await (wanted ? showArchive(wanted) : goLive()).catch(failed);
}

async function goLive() {
  feed = await follow({
    limit: () => limit,
    after: `${TV}/0`,
    on: {
      board: setBoard,
      fetched: setBadges,
      celebration: celebrate,
      reverted: (id) => { if (celebrations.drop(id)) showLatest(); },
      state: showState,
      signedOut: () => location.assign(signInUrl()),
      failed,
      retry: retrying,
    },
  });
  timeZone = feed.settings.timeZone;
  opened = serverNow();
  ladders = feed.settings.ladders ?? LADDERS;
  offerMonths('');
  show();
}

/** @param {string} wanted */
async function showArchive(wanted) {
  find('state').hidden = true;
  find('aside').hidden = true;
  part(document, '.layout').toggleAttribute('data-archive', true);
  timeZone = (await config()).timeZone;
  offerMonths(wanted);
  board.period = wanted;
  archived = true;
  await loadMore();
}

async function loadMore() {
  if (feed) return feed.refresh();
  const found = await list('/api/leaderboard', { period: board.period, limit });
  setBadges(found.items);
  return setBoard({ ...found, at: null });
}

/** @param {unknown} error */
function failed(error) {
  const status = statusOf(error);
  if (status === 401) location.assign(signInUrl());
  else if (status === 403) showAccessDenied(person);
  else if (status === 404) showNote('There is no leaderboard for this month.');
  else showNote(error instanceof Error ? error.message : String(error));
}

/** @param {Error} error */
function retrying({ message }) {
  showNote(`${message}. Trying again …`);
}

/** @param {string} words */
function showNote(words) {
  find('note').textContent = words;
  find('note').hidden = !words;
}

/** @param {string} chosen */
function offerMonths(chosen) {
  const current = periodOf(serverNow(), timeZone);
  const [year, number] = current.split('-').map(Number);
  const options = Array.from({ length: MONTHS_BACK }, (_, back) => {
    const period = new Date(Date.UTC(year, number - 1 - back, 1)).toISOString().slice(0, 7);
    return new Option(month(period), back ? period : '', false, (back ? period : '') === chosen);
  });
  const offered = options.some(({ value }) => value === chosen);
  if (!offered) options.push(new Option(month(chosen) || chosen, chosen, true, true));
  find('period').replaceChildren(...options);
}

// -- incoming data

/** @param {Board} fresh */
function setBoard(fresh) {
  showNote('');
  const isNewMonth = board.period && fresh.period !== board.period;
  if (isNewMonth) ranksBefore.clear();
  board = fresh;
  for (const { id, rank } of board.items) if (!ranksBefore.has(id)) ranksBefore.set(id, rank);
  if (isNewMonth) offerMonths('');
  show();
}

/** @param {Rep[]} reps */
function setBadges(reps) {
  for (const rep of reps) badges.set(rep.id, rep.badges ?? []);
}

/** @param {Frame<Celebration>} frame @param {boolean} isNews */
function celebrate(frame, isNews) {
  if (!celebrations.add(frame)) return;
  const { userName, title, icon, milestone } = frame.data;
  showLatest();
  if (!isNews) return;
  find('announcement').textContent = `${userName}: ${title}`;
  const symbol = text('span', icon, 'icon');
  symbol.setAttribute('aria-hidden', 'true');
  toast.replaceChildren(symbol, text('strong', userName), text('span', title));
  toast.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { toast.hidden = true; }, TOAST);
  setTimeout(async () => {
    const { id } = milestone.salesRep;
    const response = await call(`/api/leaderboard/sales-reps/${encodeURIComponent(id)}/badges`).catch(() => null);
    if (!response) return;
    badges.set(id, response.items);
    show();
  }, BADGES_AFTER);
}

// -- the display

/** @param {HTMLButtonElement} button */
function sortBy(button) {
  const key = /** @type {SortKey} */ (button.dataset.sort);
  sort = { key, descending: sort.key === key ? !sort.descending : !ASCENDING.has(key) };
  for (const other of sortButtons) {
    const header = other.closest('th');
    if (other === button) header?.setAttribute('aria-sort', sort.descending ? 'descending' : 'ascending');
    else header?.removeAttribute('aria-sort');
  }
  find('announcement').textContent = `Sorted by ${button.textContent}, ${sort.descending ? 'highest' : 'lowest'} first`;
  show();
}

/** @param {Rep} a @param {Rep} b */
function inOrder(a, b) {
  const direction = sort.descending ? -1 : 1;
  const [one, other] = [a[sort.key], b[sort.key]];
  // Unknown values come last.
  if (one === null || other === null) return Number(one === null) - Number(other === null) || a.rank - b.rank;
  const order = typeof one === 'string' ? one.localeCompare(String(other)) : one - Number(other);
  return direction * order || a.rank - b.rank || a.id - b.id;
}

function show() {
  if (!board.period) return;
  const query = filter.value.trim().toLowerCase();
  const shown = board.items
    .filter(({ name, team }) => [name, team].some((word) => word?.toLowerCase().includes(query)))
    .sort(inOrder);
  const present = new Set(board.items.map(({ id }) => id));
  for (const [id, { tr }] of rows) {
    if (present.has(id)) continue;
    tr.remove();
    rows.delete(id);
  }
  const updated = new Map(board.items.map((rep) => [rep.id, showRow(rep)]));
  const visible = new Set(shown.map(({ id }) => id));
  arrange(find('rows'), shown.flatMap(({ id }) => updated.get(id)?.tr ?? []), () => {
    for (const [id, { tr }] of rows) tr.hidden = !visible.has(id);
  });

  document.title = `${month(board.period)} · Cairn`;
  find('title').textContent = month(board.period) || 'Leaderboard';
  find('fresh').textContent = freshness();
  find('empty').hidden = shown.length > 0;
  const empty = 'Nobody is on the board yet.';
  find('empty').textContent = board.items.length ? `Nobody matches “${filter.value.trim()}”.` : empty;
  find('board').hidden = board.items.length === 0;
  find('more').hidden = board.items.length >= board.total;
  find('more').textContent = `Show more of ${count(board.total)}`;
  showSums();
  showNearest();
  showLatest();
}

function freshness() {
  const people = `${count(board.total)} ${board.total === 1 ? 'person' : 'people'}`;
  if (archived || !board.at) return `${people} · final`;
  const last = board.items.map(({ asOf }) => Date.parse(asOf)).filter(Number.isFinite);
  const change = last.length ? ` · last change ${clock(Math.max(...last), timeZone)}` : '';
  return live ? `${people}${change}` : `${people} · as of ${clock(board.at, timeZone)}, may have changed since`;
}

/** @param {string} current */
function showState(current) {
  live = current === 'open';
  state.state = current;
  if (board.at) find('fresh').textContent = freshness();
}

/** @param {Rep} rep */
function newRow(rep) {
  const tr = copy('row');
  find('rows').append(tr);
  part(tr, 'goal-bar').setAttribute('aria-label', `Goal of ${rep.name}`);
  return {
    tr,
    avatar: part(tr, 'rep-avatar'),
    badges: part(tr, '.badges'),
    goal: part(tr, 'goal-bar'),
    growth: part(tr, '.growth'),
    move: part(tr, '.move'),
    name: part(tr, '.full'),
    rank: part(tr, '.place'),
    revenue: part(tr, '.revenue'),
    signups: part(tr, '.signups'),
    stones: part(tr, 'tier-stones'),
    team: part(tr, '.team'),
    shown: '',
  };
}

/** @param {Rep} rep */
function showRow(rep) {
  const row = rows.get(rep.id) ?? newRow(rep);
  rows.set(rep.id, row);
  const wanted = JSON.stringify([rep, badges.get(rep.id)]);
  if (wanted === row.shown) return row;
  row.shown = wanted;
  row.tr.toggleAttribute('data-podium', rep.rank <= 3);
  row.rank.textContent = count(rep.rank);
  row.avatar.rep = rep;
  row.name.textContent = rep.name;
  row.team.textContent = rep.team ?? '';
  const changed = row.revenue.textContent && row.revenue.textContent !== money(rep.monthlyRevenue);
  row.revenue.textContent = money(rep.monthlyRevenue);
  row.signups.textContent = count(rep.monthlySignups);
  row.goal.value = goalProgress(rep);
  row.growth.textContent = growth(rep.monthlyGrowth);
  row.stones.tier = rep.currentBonusTier;
  showMove(row.move, (ranksBefore.get(rep.id) ?? rep.rank) - rep.rank);
  showBadges(row.badges, badges.get(rep.id) ?? []);
  if (changed) flash(row.tr);
  return row;
}

/** @param {HTMLElement} element @param {number} up ranks won; negative when lost */
function showMove(element, up) {
  const places = `${Math.abs(up)} ${Math.abs(up) === 1 ? 'place' : 'places'}`;
  element.dataset.way = up > 0 ? 'up' : up < 0 ? 'down' : '';
  if (up === 0) return element.replaceChildren();
  const arrow = text('span', `${up > 0 ? '▲' : '▼'} ${Math.abs(up)}`);
  arrow.setAttribute('aria-hidden', 'true');
  const words = `${up > 0 ? 'up' : 'down'} ${places} since ${clock(opened, timeZone)}`;
  return element.replaceChildren(arrow, text('span', words, 'unseen'));
}

/** @param {HTMLElement} element @param {Badge[]} earned */
function showBadges(element, earned) {
  element.replaceChildren(...earned.map(({ emoji, name }) => {
    const badge = text('span', emoji || '★');
    badge.setAttribute('role', 'img');
    badge.setAttribute('aria-label', `Badge: ${name}`);
    badge.title = name;
    return badge;
  }));
}

function showSums() {
  const complete = board.items.length === board.total && board.total > 0;
  find('sums').hidden = !complete;
  if (!complete) return;
  const sum = (/** @type {'monthlyRevenue' | 'monthlySignups'} */ key) => (
    board.items.reduce((total, rep) => total + (rep[key] ?? 0), 0));
  const goals = board.items.flatMap((rep) => goalProgress(rep) ?? []);
  find('sum-revenue').textContent = money(sum('monthlyRevenue'));
  find('sum-signups').textContent = count(sum('monthlySignups'));
  find('sum-goals').textContent = `${goals.filter((percent) => percent >= 100).length} of ${goals.length}`;
}

function showNearest() {
  const found = nearest(board.items, 5, ladders);
  find('no-reach').hidden = found.length > 0;
  fill(find('reach'), 'reach-item', found, (item, { rep, next }) => {
    part(item, 'rep-avatar').rep = rep;
    part(item, 'strong').textContent = rep.name;
    const [left, aim] = distance(next);
    part(item, '.left').textContent = left;
    part(item, '.soft').textContent = aim;
  });
}

function showLatest() {
  find('no-latest').hidden = celebrations.listed.length > 0;
  fill(find('latest'), 'latest-item', celebrations.listed.slice(0, 6), (item, { userName, title, icon, at }) => {
    part(item, '.icon').textContent = icon || '★';
    part(item, 'strong').textContent = userName;
    part(item, '.soft').textContent = title;
    part(item, 'time').textContent = clock(at, timeZone);
    part(item, 'time').dateTime = at.toISOString();
  });
}
