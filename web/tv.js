/** The wall display: the top of the board, the latest milestones, and a celebration of each; unattended for weeks. */
import { patiently, serverNow, statusOf } from './api.js';
import { CelebrationPlayer } from './celebration-player.js';
import { Celebrations } from './celebrations.js';
import { arrange, copy, fill, find, flash, part, text } from './dom.js';
import { LiveState } from './elements.js';
import { TV, follow } from './feed.js';
import { clock, count, day, money, month } from './format.js';
import { AutoReload, drift, everyMinute, keepScreenOn } from './kiosk.js';
import { LADDERS, distance, goalProgress, nearest } from './next-milestone.js';
import { BOARD_MODULES } from './pages.js';
import { requireSession, showAccessDenied } from './require-sign-in.js';
import { keepSession, session } from './session.js';

const RANKS = 8;
const LATEST = 5;
const NEAREST = 3;
const BOARD = 100; // reps below the ranks shown may be near a milestone
const POINTER = 4000;
const CELEBRATED = 'cairn:told';

/** @type {Map<number, HTMLElement>} */
const places = new Map(); // by rep id
/** @type {Map<number, number>} */
const ranksBefore = new Map();
const before = celebratedBefore();
const isReload = before !== null;
const celebrations = new Celebrations(before ?? []);
const player = new CelebrationPlayer(celebrations, remember);
const autoReload = new AutoReload(() => !player.playing);
const state = find('state', LiveState);
/** @type {Board | null} */
let board = null;
/** @type {string | undefined} */
let timeZone;
/** @type {import('./next-milestone.js').Ladders} */
let ladders = LADDERS;
let signedOut = false;
/** @type {Awaited<ReturnType<typeof follow>> | null} */
let feed = null;

everyMinute(tick);
keepScreenOn();
watchPointer();
const person = await patiently(() => requireSession(BOARD_MODULES), showUnreachable).catch(({ message }) => {
  showNote(message);
  return null;
});
if (person) await start().catch(failed);

async function start() {
  keepSession(person);
  remember();
  feed = await follow({
    limit: () => BOARD,
    after: `${TV}/0`, // all that the room keeps, for the list; expired ones are not celebrated
    on: {
      board: setBoard,
      celebration: celebrate,
      reverted: (id) => { if (celebrations.drop(id)) showLatest(); },
      state: showState,
      signedOut: showSignedOut,
      failed,
      retry: showUnreachable,
    },
  });
  timeZone = feed.settings.timeZone;
  ladders = feed.settings.ladders ?? LADDERS;
  showTime();
}

// -- incoming data

/** @param {Board} fresh */
function setBoard(fresh) {
  if (!signedOut) showNote('');
  if (board && board.period !== fresh.period) ranksBefore.clear();
  board = fresh;
  for (const { id, rank } of board.items) if (!ranksBefore.has(id)) ranksBefore.set(id, rank);
  showBoard(board);
}

/**
 * Past events are not news to a display that was just switched on, but they are after a reload.
 * @param {Frame<Celebration>} frame @param {boolean} isNews
 */
function celebrate(frame, isNews) {
  if (!celebrations.add(frame, isNews || isReload)) return;
  showLatest();
  player.play();
}

/** The milestones that were celebrated before a reload; null when the display was just switched on. */
function celebratedBefore() {
  try {
    return /** @type {string[] | null} */ (JSON.parse(sessionStorage.getItem(CELEBRATED) ?? 'null'));
  } catch {
    return null;
  }
}

function remember() {
  try {
    sessionStorage.setItem(CELEBRATED, JSON.stringify(celebrations.celebrated));
  } catch { /* without storage, a reload may repeat a celebration that is still fresh */ }
}

/** @param {string} current */
function showState(current) {
  state.state = current;
  showFreshness();
}

/** @param {unknown} error */
function failed(error) {
  if (statusOf(error) === 403) showAccessDenied(person);
  else if (statusOf(error) === 401) showSignedOut();
  else showUnreachable();
}

function showSignedOut() {
  signedOut = true;
  showNote('This display is signed out.', true);
}

function showUnreachable() {
  if (!signedOut) showNote('Cannot reach Cairn. This display will continue as soon as the connection is back.');
}

/** @param {string} words */
function showNote(words, signIn = false) {
  const note = find('note');
  part(note, 'span').textContent = words;
  part(note, 'a').hidden = !signIn;
  note.hidden = !words;
}

// -- as time passes

/** @param {Date} now */
function tick(now) {
  showTime();
  drift(find('content'), now.getTime());
  autoReload.tick(now);
  if (signedOut) resume();
}

/** Continue if somebody has signed in again, on another page of this browser. */
async function resume() {
  if (!await session().catch(() => null)) return;
  signedOut = false;
  showNote('');
  feed?.reconnect();
  feed?.refresh();
}

function showTime() {
  const now = new Date(serverNow());
  const time = find('clock', HTMLTimeElement);
  time.textContent = clock(now, timeZone);
  time.dateTime = now.toISOString();
  find('day').textContent = day(now, timeZone);
}

/** Show the pointer and the menu while somebody uses the mouse or the keyboard. */
function watchPointer() {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const used = () => {
    document.body.toggleAttribute('data-in-use', true);
    clearTimeout(timer);
    timer = setTimeout(() => document.body.toggleAttribute('data-in-use', false), POINTER);
  };
  for (const event of ['pointermove', 'pointerdown', 'keydown']) addEventListener(event, used, { passive: true });
  find('full').addEventListener('click', () => {
    const change = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
    change.catch(() => null);
  });
}

// -- the display

/** @param {Board} shown */
function showBoard({ items, period }) {
  find('title').textContent = month(period);
  document.title = `${month(period)} · TV · Cairn`;
  showFreshness();
  const shown = items.slice(0, RANKS);
  find('empty').hidden = shown.length > 0;
  const present = new Set(shown.map(({ id }) => id));
  const elements = shown.map(showPlace);
  arrange(find('places'), elements, () => {
    for (const [id, element] of places) {
      if (present.has(id)) continue;
      element.remove();
      places.delete(id);
    }
  });
  showNearest(items);
}

function showFreshness() {
  find('fresh').textContent = board?.at ? `as of ${clock(board.at, timeZone)}` : '';
}

/** @param {Rep} rep */
function newPlace(rep) {
  const element = copy('place');
  places.set(rep.id, element);
  find('places').append(element);
  return element;
}

/** @param {Rep} rep */
function showPlace(rep) {
  const element = places.get(rep.id) ?? newPlace(rep);
  const revenue = part(element, '.revenue').textContent;
  element.toggleAttribute('data-podium', rep.rank <= 3);
  part(element, '.rank').textContent = count(rep.rank);
  part(element, 'rep-avatar').rep = rep;
  part(element, '.full').textContent = rep.name;
  part(element, '.team').textContent = rep.team ?? '';
  part(element, 'goal-bar').setAttribute('aria-label', `Goal of ${rep.name}`);
  part(element, 'goal-bar').value = goalProgress(rep);
  part(element, 'tier-stones').tier = rep.currentBonusTier;
  part(element, '.revenue').textContent = money(rep.monthlyRevenue);
  showMove(part(element, '.move'), (ranksBefore.get(rep.id) ?? rep.rank) - rep.rank);
  if (revenue && revenue !== money(rep.monthlyRevenue)) flash(element);
  return element;
}

/** @param {HTMLElement} element @param {number} up ranks won; negative when lost */
function showMove(element, up) {
  element.dataset.way = up > 0 ? 'up' : '';
  if (up === 0) return element.replaceChildren();
  const arrow = text('span', `${up > 0 ? '▲' : '▼'} ${Math.abs(up)}`);
  arrow.setAttribute('aria-hidden', 'true');
  return element.replaceChildren(arrow, text('span', `${up > 0 ? 'up' : 'down'} ${Math.abs(up)} today`, 'unseen'));
}

function showLatest() {
  find('no-latest').hidden = celebrations.listed.length > 0;
  fill(find('latest'), 'latest-item', celebrations.listed.slice(0, LATEST), (item, { userName, title, icon, at }) => {
    part(item, '.icon').textContent = icon || '★';
    part(item, '.full').textContent = userName;
    part(item, '.what').textContent = title;
    part(item, 'time').textContent = clock(at, timeZone);
    part(item, 'time').dateTime = at.toISOString();
  });
}

/** @param {Rep[]} reps */
function showNearest(reps) {
  const found = nearest(reps, NEAREST, ladders);
  find('reach-section').hidden = found.length === 0;
  fill(find('reach'), 'reach-item', found, (item, { rep, next }) => {
    part(item, '.full').textContent = rep.name;
    const [left, aim] = distance(next);
    part(item, '.left').textContent = left;
    part(item, '.what').textContent = aim;
  });
}
