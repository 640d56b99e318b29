/** One channel's live page: the count, the day's peak and the curve. Who looks at it is a viewer like any other. */
import './elements.js';
import { Curve } from './curve.js';
import { find, moves } from './dom.js';
import { clock, count } from './format.js';
import { channelOf, isChannelId, watch } from './watching.js';

const FETCH_EVERY = 15 * 60_000; // a day may have ended meanwhile
const ROLL_EVERY = 10_000;
const MILESTONE_FOR = 60_000;
const HOUR = 60 * 60_000;
const STATES = { connecting: 'connecting', here: 'open', away: 'waiting' };

const channel = channelOf(location.pathname);
const curve = new Curve(find('curve'), read);
let pointed = ''; // what the pointer is at, in words
let milestoneUntil = null;
let fetched = 0; // the number of the fetch whose answer counts
let chosen = false; // the hours, by whoever looks

if (isChannelId(channel)) open();
else refuse();

function open() {
  document.title = `${channel} live · Cairn`;
  find('title').textContent = channel;
  find('state').state = 'connecting';
  writeCode();
  find('span').addEventListener('change', () => {
    chosen = true;
    load();
  });
  load();
  watch(channel, { about: introduce, count: take, milestone: celebrate, state });
  setInterval(() => document.hidden || roll(), ROLL_EVERY);
  setInterval(load, FETCH_EVERY);
  addEventListener('pageshow', (event) => event.persisted && load());
}

function refuse() {
  const title = find('refused').querySelector('h1');
  if (/^\/live\/?$/.test(location.pathname)) title.textContent = 'Which channel?';
  find('content').hidden = true;
  find('refused').hidden = false;
  find('which').onsubmit = (event) => {
    event.preventDefault();
    location.assign(`/live/${find('wanted').value}`);
  };
  title.focus();
}

function state(now) {
  if (now === 'refused') refuse();
  else find('state').state = STATES[now];
  if (now === 'here' && !curve.known) load();
}

function introduce({ name, followers }) {
  const link = find('followers');
  const called = name ?? followers?.name ?? channel;
  find('title').textContent = called;
  document.title = `${called} live · Cairn`;
  link.hidden = !followers;
  if (!followers) return;
  const since = followers.stale ? `, as of ${new Date(followers.asOf).toLocaleString('en-US')}` : '';
  link.textContent = `${count(followers.count)} followers${since}`;
  if (/^https:/.test(followers.url)) link.href = followers.url;
}

function take({ viewers, connections, asOf, window }) {
  find('viewers').textContent = count(viewers);
  find('connections').textContent = count(connections);
  if (window) find('window').textContent = `Who vanishes without a word is counted for up to ${count(window)} seconds more; behind a connection that went silent, until that is noticed.`;
  curve.add(asOf ? new Date(asOf) : new Date(), viewers);
  raise(viewers);
  roll();
}

function raise(viewers) {
  if (viewers > curve.peak) curve.peak = viewers;
  find('peak').textContent = curve.peak ? count(curve.peak) : '–';
}

/** Fetch the curve; a choice made meanwhile takes the place of an earlier one. */
async function load() {
  const hours = Number(find('span').querySelector(':checked').value);
  const number = ++fetched;
  try {
    const answer = await fetch(`/api/viewer/curve/${channel}?hours=${hours}`, { cache: 'no-store' });
    if (!answer.ok) throw new Error(`The curve cannot be had: ${answer.status}`);
    const { items, peak } = await answer.json();
    if (number !== fetched) return;
    const known = items.map(({ at, viewers }) => [new Date(at), viewers]);
    const points = known.length > 0 ? known : [[new Date(Date.now() - hours * HOUR), 0]];
    curve.set(points, chosen ? hours : shortest(points, hours));
    curve.peak = peak?.viewers ?? 0;
    raise(0);
    roll();
  } catch {
    if (!curve.known) find('summary').textContent = 'The curve cannot be had at the moment.';
  }
}

/** Of a channel that is new, its first hour: in six it would be a stroke at the edge. */
function shortest(points, hours) {
  if (points.some(([at, viewers]) => viewers > 0 && Date.now() - at > HOUR)) return hours;
  find('span').querySelector('[value="1"]').checked = true;
  return 1;
}

function roll() {
  if (milestoneUntil !== null && Date.now() > milestoneUntil) {
    find('milestone').textContent = '';
    milestoneUntil = null;
  }
  if (!curve.known) return;
  curve.draw();
  find('summary').textContent = pointed || told(curve.extent(), curve.hours);
}

function read(at, viewers) {
  pointed = at === null ? '' : `${clock(at)}: ${count(viewers)} watching`;
  find('summary').textContent = pointed || told(curve.extent(), curve.hours);
}

function told(extent, hours) {
  const span = hours === 1 ? 'In the last hour' : `In the last ${hours} hours`;
  if (!extent || extent.most === 0) return `${span} nobody was here to count.`;
  const { least, most, at } = extent;
  if (least === most) return `${span} ${count(most)} watched all the time.`;
  return `${span} between ${count(least)} and ${count(most)} watched, most at ${clock(at)}.`;
}

function celebrate({ emoji, title, description }) {
  const line = find('milestone');
  line.textContent = [emoji, title, description && `– ${description}`].filter(Boolean).join(' ');
  find('say').textContent = line.textContent; // a region that is there before it has something to say
  milestoneUntil = Date.now() + MILESTONE_FOR;
  if (moves()) line.animate([{ transform: 'scale(0.98)' }, { transform: 'none' }], 300);
}

function writeCode() {
  const { origin } = location;
  find('script-code').textContent =
    `<script type="module" src="${origin}/viewers.js"></script>\n<cairn-viewers channel="${channel}"></cairn-viewers>`;
  find('frame-code').textContent =
    `<iframe src="${origin}/embed/${channel}" title="Viewers"\n` +
    '  width="220" height="44" style="border: 0; color-scheme: light"></iframe>';
  for (const button of document.querySelectorAll('[data-copies]')) {
    button.addEventListener('click', () => copy(button));
  }
}

async function copy(button) {
  const code = find(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(code.textContent);
    find('say').textContent = 'Copied';
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  } catch {
    getSelection().selectAllChildren(code); // not allowed: one key is left to press
  }
}
