/** The month as it stands: every place, live, in whatever order somebody likes to see it. */
import { call, config, keepSession, list, patiently, serverNow } from './api.js';
import { Celebrations } from './celebrations.js';
import { arrange, copy, fill, find, flash, text } from './dom.js';
import './elements.js';
import { TV, follow } from './feed.js';
import { clock, count, growth, money, month, period as periodOf } from './format.js';
import { DISTANCE, LADDERS, closest, progress } from './reach.js';
import { admitted, leave, refuse, signInAddress } from './shell.js';

const PAGE = 100;
const MONTHS_BACK = 24;
const TOAST = 8000;
const BADGES_AFTER = 1500; // an award is written beside its announcement, not before it
const ASCENDING = new Set(['rank', 'name']);

const rows = new Map(); // by the rep's id
const ranksBefore = new Map(); // as they were when the page first saw them
const badges = new Map();
const celebrations = new Celebrations();
let board = { items: [], total: 0, period: null, at: null };
let sort = { key: 'rank', descending: false };
let limit = PAGE;
let timeZone;
let ladders = LADDERS;
let feed;
let opened;
let live = false;

const me = await patiently(admitted, trouble).catch(({ message }) => note(message));
if (me) await start();

async function start() {
  keepSession(me);
  find('who').querySelector('[data-name]').textContent = me.name;
  find('who').querySelector('[data-sign-out]').addEventListener('click', leave);
  find('who').hidden = false;
  find('tools').addEventListener('submit', (event) => event.preventDefault());
  find('filter').addEventListener('input', () => show());
  find('period').addEventListener('change', ({ target }) => {
    location.assign(target.value ? `/leaderboard?period=${target.value}` : '/leaderboard');
  });
  find('more').addEventListener('click', () => { limit += PAGE; more(); });
  for (const button of document.querySelectorAll('[data-sort]')) button.addEventListener('click', () => sortBy(button));
  const archived = new URLSearchParams(location.search).get('period');
  await (archived ? showArchive(archived) : goLive()).catch(failed);
}

async function goLive() {
  feed = await follow({
    limit: () => limit,
    after: `${TV}/0`,
    on: {
      board: take,
      fetched: keepBadges,
      celebration: celebrate,
      state: showState,
      signedOut: () => location.assign(signInAddress()),
      failed,
      trouble,
    },
  });
  timeZone = feed.settings.timeZone;
  opened = serverNow();
  ladders = feed.settings.ladders ?? LADDERS;
  offerMonths('');
  show();
}

async function showArchive(wanted) {
  find('state').hidden = true;
  find('aside').hidden = true;
  document.querySelector('.layout').toggleAttribute('data-archive', true);
  timeZone = (await config()).timeZone;
  offerMonths(wanted);
  board.period = wanted;
  board.archived = true;
  await more();
}

async function more() {
  if (feed) return feed.level();
  const found = await list('/api/leaderboard', { period: board.period, limit });
  keepBadges(found.items);
  return take({ ...board, ...found, at: null });
}

function failed(error) {
  if (error.status === 401) location.assign(signInAddress());
  else if (error.status === 403) refuse(me);
  else note(error.status === 404 ? 'No board was kept for this month.' : error.message);
}

function trouble({ message }) {
  note(`${message}. Trying again …`);
}

function note(words) {
  find('note').textContent = words;
  find('note').hidden = !words;
}

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

// -- what comes in

function take(fresh) {
  note('');
  const turned = board.period && fresh.period !== board.period;
  if (turned) ranksBefore.clear();
  board = { ...board, ...fresh };
  for (const { id, rank } of board.items) if (!ranksBefore.has(id)) ranksBefore.set(id, rank);
  if (turned) offerMonths('');
  show();
}

function keepBadges(items) {
  for (const rep of items) badges.set(rep.id, rep.badges);
}

function celebrate(frame, isNews) {
  if (!celebrations.add(frame)) return;
  const { userName, title, icon, milestone } = frame.data;
  showLatest();
  if (!isNews) return;
  find('say').textContent = `${userName}: ${title}`;
  const toast = find('toast');
  toast.replaceChildren(text('span', icon, 'icon'), text('strong', userName), text('span', title));
  toast.firstChild.setAttribute('aria-hidden', 'true');
  toast.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { toast.hidden = true; }, TOAST);
  setTimeout(async () => {
    const { id } = milestone.salesRep;
    const answer = await call(`/api/leaderboard/sales-reps/${encodeURIComponent(id)}/badges`).catch(() => null);
    if (!answer) return;
    badges.set(id, answer.items);
    show();
  }, BADGES_AFTER);
}

// -- what is shown

function sortBy(button) {
  const key = button.dataset.sort;
  sort = { key, descending: sort.key === key ? !sort.descending : !ASCENDING.has(key) };
  for (const other of document.querySelectorAll('[data-sort]')) {
    const head = other.closest('th');
    if (other === button) head.setAttribute('aria-sort', sort.descending ? 'descending' : 'ascending');
    else head.removeAttribute('aria-sort');
  }
  find('say').textContent = `Sorted by ${button.textContent}, ${sort.descending ? 'highest' : 'lowest'} first`;
  show();
}

function inOrder(a, b) {
  const way = sort.descending ? -1 : 1;
  const [one, other] = [a[sort.key], b[sort.key]];
  if (one === null || other === null) return (one === null) - (other === null) || a.rank - b.rank; // unknown comes last
  const order = typeof one === 'string' ? one.localeCompare(other) : one - other;
  return way * order || a.rank - b.rank || a.id - b.id;
}

function show() {
  if (!board.period) return;
  const sought = find('filter').value.trim().toLowerCase();
  const matches = ({ name, team }) => [name, team].some((word) => word?.toLowerCase().includes(sought));
  const shown = board.items.filter(matches).sort(inOrder);
  const there = new Set(board.items.map(({ id }) => id));
  for (const id of [...rows.keys()].filter((id) => !there.has(id))) {
    rows.get(id).tr.remove();
    rows.delete(id);
  }
  for (const rep of board.items) row(rep);
  const visible = new Set(shown.map(({ id }) => id));
  arrange(find('rows'), shown.map(({ id }) => rows.get(id).tr), () => {
    for (const [id, { tr }] of rows) tr.hidden = !visible.has(id);
  });

  document.title = `${month(board.period)} · Cairn`;
  find('title').textContent = month(board.period) || 'Leaderboard';
  find('fresh').textContent = fresh();
  find('empty').hidden = shown.length > 0;
  const nobody = 'Nobody is on the board yet.';
  find('empty').textContent = board.items.length ? `Nobody matches “${find('filter').value.trim()}”.` : nobody;
  find('board').hidden = board.items.length === 0;
  find('more').hidden = board.items.length >= board.total;
  find('more').textContent = `Show more of ${count(board.total)}`;
  showSums();
  showReach();
  showLatest();
}

function fresh() {
  const people = `${count(board.total)} ${board.total === 1 ? 'person' : 'people'}`;
  if (board.archived) return `${people} · final, kept for ever`;
  const last = board.items.map(({ asOf }) => Date.parse(asOf)).filter(Number.isFinite);
  const change = last.length ? ` · last change ${clock(Math.max(...last), timeZone)}` : '';
  return live ? `${people}${change}` : `${people} · as of ${clock(board.at, timeZone)}, perhaps changed since`;
}

function showState(state) {
  live = state === 'open';
  find('state').state = state;
  if (board.at) find('fresh').textContent = fresh();
}

function row(rep) {
  if (!rows.has(rep.id)) {
    const tr = copy('row');
    const part = (selector) => tr.querySelector(selector);
    const parts = ['place', 'move', 'full', 'team', 'badges', 'revenue', 'signups', 'growth'];
    rows.set(rep.id, {
      tr,
      avatar: part('rep-avatar'),
      goal: part('goal-bar'),
      stones: part('tier-stones'),
      ...Object.fromEntries(parts.map((name) => [name, part(`.${name}`)])),
    });
    find('rows').append(tr);
    part('goal-bar').setAttribute('aria-label', `Goal of ${rep.name}`);
  }
  const parts = rows.get(rep.id);
  if (JSON.stringify([rep, badges.get(rep.id)]) === parts.known) return parts;
  parts.known = JSON.stringify([rep, badges.get(rep.id)]);
  parts.tr.toggleAttribute('data-podium', rep.rank <= 3);
  parts.place.textContent = count(rep.rank);
  parts.avatar.rep = rep;
  parts.full.textContent = rep.name;
  parts.team.textContent = rep.team ?? '';
  const grown = parts.revenue.textContent && parts.revenue.textContent !== money(rep.monthlyRevenue);
  parts.revenue.textContent = money(rep.monthlyRevenue);
  parts.signups.textContent = count(rep.monthlySignups);
  parts.goal.value = progress(rep);
  parts.growth.textContent = growth(rep.monthlyGrowth);
  parts.stones.tier = rep.currentBonusTier;
  showMove(parts.move, (ranksBefore.get(rep.id) ?? rep.rank) - rep.rank);
  showBadges(parts.badges, badges.get(rep.id) ?? []);
  if (grown) flash(parts.tr);
  return parts;
}

function showMove(element, up) {
  const places = `${Math.abs(up)} ${Math.abs(up) === 1 ? 'place' : 'places'}`;
  element.dataset.way = up > 0 ? 'up' : up < 0 ? 'down' : '';
  if (up === 0) return element.replaceChildren();
  const arrow = text('span', `${up > 0 ? '▲' : '▼'} ${Math.abs(up)}`);
  arrow.setAttribute('aria-hidden', 'true');
  const words = `${up > 0 ? 'up' : 'down'} ${places} since ${clock(opened, timeZone)}`;
  return element.replaceChildren(arrow, text('span', words, 'unseen'));
}

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
  const whole = board.items.length === board.total && board.total > 0;
  find('sums').hidden = !whole;
  if (!whole) return;
  const sum = (key) => board.items.reduce((total, rep) => total + (rep[key] ?? 0), 0);
  const goals = board.items.map(progress).filter((percent) => percent !== null);
  find('sum-revenue').textContent = money(sum('monthlyRevenue'));
  find('sum-signups').textContent = count(sum('monthlySignups'));
  find('sum-goals').textContent = `${goals.filter((percent) => percent >= 100).length} of ${goals.length}`;
}

function showReach() {
  const found = closest(board.items, 5, ladders);
  find('no-reach').hidden = found.length > 0;
  fill(find('reach'), 'reach-item', found, (item, { rep, step }) => {
    item.querySelector('rep-avatar').rep = rep;
    item.querySelector('strong').textContent = rep.name;
    const [left, aim] = DISTANCE[step.rule](step);
    item.querySelector('.left').textContent = left;
    item.querySelector('.soft').textContent = aim;
  });
}

function showLatest() {
  find('no-latest').hidden = celebrations.listed.length > 0;
  fill(find('latest'), 'latest-item', celebrations.listed.slice(0, 6), (item, { userName, title, icon, at }) => {
    item.querySelector('.icon').textContent = icon || '★';
    item.querySelector('strong').textContent = userName;
    item.querySelector('.soft').textContent = title;
    item.querySelector('time').textContent = clock(at, timeZone);
    item.querySelector('time').dateTime = at.toISOString();
  });
}
