/** The display on the wall: the board's top, the latest milestones, a celebration of each; for weeks, with nobody there. */
import { keepSession, patiently, serverNow, session } from './api.js';
import { Celebrations } from './celebrations.js';
import { arrange, copy, fill, find, flash, text } from './dom.js';
import './elements.js';
import { TV, follow } from './feed.js';
import { clock, count, day, money, month } from './format.js';
import { DISTANCE, LADDERS, closest, progress } from './reach.js';
import { admitted, refuse } from './shell.js';
import { Stage } from './stage.js';
import { Reloading, drift, everyMinute, stayAwake } from './upkeep.js';

const PLACES = 8;
const LATEST = 5;
const REACH = 3;
const BOARD = 100; // who is close to something may stand below the places shown
const HAND = 4000;
const TOLD = 'cairn:told';

const places = new Map(); // by the rep's id
const ranksBefore = new Map();
const before = remembered();
const wasOn = before !== null; // this display, before a reload
const celebrations = new Celebrations(before ?? []);
const stage = new Stage(celebrations, remember);
const reloading = new Reloading(() => !stage.busy);
let board = null;
let timeZone;
let ladders = LADDERS;
let signedOut = false;
let feed = null;

everyMinute(tick);
stayAwake();
watchHand();
const me = await patiently(admitted, trouble).catch(({ message }) => note(message));
if (me) await start().catch(failed);

async function start() {
  keepSession(me);
  remember();
  feed = await follow({
    limit: () => BOARD,
    after: `${TV}/0`, // all that the room still keeps, for the list; what is old is not celebrated
    on: {
      board: take,
      celebration: celebrate,
      state: showState,
      signedOut: () => failed({ status: 401 }),
      failed,
      trouble,
    },
  });
  timeZone = feed.settings.timeZone;
  ladders = feed.settings.ladders ?? LADDERS;
  showTime();
}

// -- what comes in

function take(fresh) {
  if (!signedOut) note('');
  if (board && board.period !== fresh.period) ranksBefore.clear();
  board = fresh;
  for (const { id, rank } of board.items) if (!ranksBefore.has(id)) ranksBefore.set(id, rank);
  showBoard();
}

/** What was said before this display was ever on is no news to it; what was said while it was away is. */
function celebrate(frame, isNews) {
  if (!celebrations.add(frame, isNews || wasOn)) return;
  showLatest();
  stage.play();
}

/** What this display told before a reload; null when it was never on. */
function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(TOLD));
  } catch {
    return null;
  }
}

function remember() {
  try {
    sessionStorage.setItem(TOLD, JSON.stringify(celebrations.told));
  } catch { /* without storage a reload may celebrate again what is fresh */ }
}

function showState(state) {
  find('state').state = state;
  showFreshness();
}

function failed(error) {
  if (error.status === 403) return refuse(me);
  if (error.status !== 401) return trouble(error);
  signedOut = true;
  return note('This display is signed out.', true);
}

function trouble() {
  if (!signedOut) note('Cairn cannot be reached. This display goes on by itself as soon as it can.');
}

function note(words, signIn = false) {
  const element = find('note');
  element.querySelector('span').textContent = words;
  element.querySelector('a').hidden = !signIn;
  element.hidden = !words;
}

// -- as time goes by

function tick(now) {
  showTime();
  drift(find('content'), now.getTime());
  reloading.tick(now);
  if (signedOut) returned();
}

/** Somebody may have signed in again, on another page of this browser. */
async function returned() {
  if (!await session().catch(() => null)) return;
  signedOut = false;
  note('');
  feed?.reconnect();
  feed?.level();
}

function showTime() {
  const now = new Date(serverNow());
  find('clock').textContent = clock(now, timeZone);
  find('clock').dateTime = now.toISOString();
  find('day').textContent = day(now, timeZone);
}

/** The pointer and the buttons are seen while a hand is at the mouse. */
function watchHand() {
  let timer = null;
  const seen = () => {
    document.body.toggleAttribute('data-hand', true);
    clearTimeout(timer);
    timer = setTimeout(() => document.body.toggleAttribute('data-hand', false), HAND);
  };
  for (const event of ['pointermove', 'pointerdown', 'keydown']) addEventListener(event, seen, { passive: true });
  find('full').addEventListener('click', () => {
    const change = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
    change.catch(() => null);
  });
}

// -- what is shown

function showBoard() {
  find('title').textContent = month(board.period);
  document.title = `${month(board.period)} · TV · Cairn`;
  showFreshness();
  const shown = board.items.slice(0, PLACES);
  find('empty').hidden = shown.length > 0;
  const there = new Set(shown.map(({ id }) => id));
  const elements = shown.map(place);
  arrange(find('places'), elements, () => {
    for (const id of [...places.keys()].filter((id) => !there.has(id))) {
      places.get(id).remove();
      places.delete(id);
    }
  });
  showReach();
}

function showFreshness() {
  find('fresh').textContent = board ? `as of ${clock(board.at, timeZone)}` : '';
}

function place(rep) {
  if (!places.has(rep.id)) {
    places.set(rep.id, copy('place'));
    find('places').append(places.get(rep.id));
  }
  const element = places.get(rep.id);
  const part = (selector) => element.querySelector(selector);
  const revenue = part('.revenue').textContent;
  element.toggleAttribute('data-podium', rep.rank <= 3);
  part('.rank').textContent = count(rep.rank);
  part('rep-avatar').rep = rep;
  part('.full').textContent = rep.name;
  part('.team').textContent = rep.team ?? '';
  part('goal-bar').setAttribute('aria-label', `Goal of ${rep.name}`);
  part('goal-bar').value = progress(rep);
  part('tier-stones').tier = rep.currentBonusTier;
  part('.revenue').textContent = money(rep.monthlyRevenue);
  showMove(part('.move'), (ranksBefore.get(rep.id) ?? rep.rank) - rep.rank);
  if (revenue && revenue !== money(rep.monthlyRevenue)) flash(element);
  return element;
}

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
    item.querySelector('.icon').textContent = icon || '★';
    item.querySelector('.full').textContent = userName;
    item.querySelector('.what').textContent = title;
    item.querySelector('time').textContent = clock(at, timeZone);
    item.querySelector('time').dateTime = at.toISOString();
  });
}

function showReach() {
  const found = closest(board.items, REACH, ladders);
  find('reach-section').hidden = found.length === 0;
  fill(find('reach'), 'reach-item', found, (item, { rep, step }) => {
    item.querySelector('.full').textContent = rep.name;
    const [left, aim] = DISTANCE[step.rule](step);
    item.querySelector('.left').textContent = left;
    item.querySelector('.what').textContent = aim;
  });
}
