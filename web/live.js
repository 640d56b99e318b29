/** A channel's live page: the count, the day's peak and the curve. A visitor of this page is a viewer too. */
import { Curve } from './curve.js';
import { find, motionAllowed, part } from './dom.js';
import { LiveState } from './elements.js';
import { clock, count } from './format.js';
import { channelOf, isChannelId, watch } from './watching.js';

const FETCH_EVERY = 15 * 60_000; // a new day may have begun
const ROLL_EVERY = 10_000;
const MILESTONE_FOR = 60_000;
const HOUR = 60 * 60_000;
/** @type {Record<string, string>} */
const STATES = { connecting: 'connecting', here: 'open', away: 'waiting' };

const channel = channelOf(location.pathname);
const curve = new Curve(find('curve'), showPoint);
const state = find('state', LiveState);
let hovered = ''; // the point under the pointer, in words
/** @type {number | null} */
let milestoneUntil = null;
let fetches = 0; // only the response to the newest one counts
let hoursChosen = false;

if (isChannelId(channel)) open();
else showNoChannel();

function open() {
  document.title = `${channel} live · Cairn`;
  find('title').textContent = channel;
  state.state = 'connecting';
  writeCode();
  find('span').addEventListener('change', () => {
    hoursChosen = true;
    load();
  });
  load();
  watch(channel, { about: showChannel, count: showCount, milestone: celebrate, state: showState });
  setInterval(() => document.hidden || roll(), ROLL_EVERY);
  setInterval(load, FETCH_EVERY);
  addEventListener('pageshow', (event) => event.persisted && load());
}

function showNoChannel() {
  const title = part(find('no-channel'), 'h1');
  if (/^\/live\/?$/.test(location.pathname)) title.textContent = 'Which channel?';
  find('content').hidden = true;
  find('no-channel').hidden = false;
  find('which').onsubmit = (event) => {
    event.preventDefault();
    location.assign(`/live/${find('wanted', HTMLInputElement).value}`);
  };
  title.focus();
}

/** @param {string} current */
function showState(current) {
  if (current === 'refused') showNoChannel();
  else state.state = STATES[current];
  if (current === 'here' && !curve.loaded) load();
}

/** @param {ChannelInfo} info */
function showChannel({ name, followers }) {
  const link = find('followers', HTMLAnchorElement);
  const shown = name ?? followers?.name ?? channel;
  find('title').textContent = shown;
  document.title = `${shown} live · Cairn`;
  link.hidden = !followers;
  if (!followers) return;
  const since = followers.stale ? `, as of ${new Date(followers.asOf).toLocaleString('en-US')}` : '';
  link.textContent = `${count(followers.count)} followers${since}`;
  if (followers.url?.startsWith('https:')) link.href = followers.url;
}

/** @param {ViewerCount} counted */
function showCount({ viewers, connections, asOf, window }) {
  find('viewers').textContent = count(viewers);
  find('connections').textContent = count(connections);
  if (window) {
    find('window').textContent =
      `A viewer who disconnects without notice is counted for up to ${count(window)} seconds more; ` +
      'with a WebSocket, until the silent connection is detected.';
  }
  curve.add(asOf ? Date.parse(asOf) : Date.now(), viewers);
  raisePeak(viewers);
  roll();
}

/** @param {number} viewers */
function raisePeak(viewers) {
  if (viewers > curve.peak) curve.peak = viewers;
  find('peak').textContent = curve.peak ? count(curve.peak) : '–';
}

/** Fetch the curve. A newer choice of hours replaces one that is still being fetched. */
async function load() {
  const hours = Number(/** @type {HTMLInputElement} */ (part(find('span'), ':checked')).value);
  const number = ++fetches;
  try {
    const response = await fetch(`/api/viewer/curve/${channel}?hours=${hours}`, { cache: 'no-store' });
    if (!response.ok) throw new Error(`The curve is not available: ${response.status}`);
    /** @type {{items: {at: string, viewers: number}[], peak: {viewers: number} | null}} */
    const { items, peak } = await response.json();
    if (number !== fetches) return;
    /** @type {import('./curve.js').Point[]} */
    const known = items.map(({ at, viewers }) => [Date.parse(at), viewers]);
    /** @type {import('./curve.js').Point[]} */
    const points = known.length > 0 ? known : [[Date.now() - hours * HOUR, 0]];
    curve.set(points, hoursChosen ? hours : shortest(points, hours));
    curve.peak = peak?.viewers ?? 0;
    raisePeak(0);
    roll();
  } catch {
    if (!curve.loaded) find('summary').textContent = 'The curve is not available at the moment.';
  }
}

/**
 * One hour for a new channel, whose curve would be a stroke at the edge of six.
 * @param {import('./curve.js').Point[]} points @param {number} hours
 */
function shortest(points, hours) {
  if (points.some(([at, viewers]) => viewers > 0 && Date.now() - at > HOUR)) return hours;
  /** @type {HTMLInputElement} */ (part(find('span'), '[value="1"]')).checked = true;
  return 1;
}

function roll() {
  if (milestoneUntil !== null && Date.now() > milestoneUntil) {
    find('milestone').textContent = '';
    milestoneUntil = null;
  }
  if (!curve.loaded) return;
  curve.draw();
  find('summary').textContent = hovered || summary();
}

/** @param {import('./curve.js').Point | null} point */
function showPoint(point) {
  hovered = point ? `${clock(point[0])}: ${count(point[1])} watching` : '';
  find('summary').textContent = hovered || summary();
}

function summary() {
  const extent = curve.extent();
  const span = curve.hours === 1 ? 'In the last hour' : `In the last ${curve.hours} hours`;
  if (!extent || extent.highest === 0) return `${span} there were no viewers.`;
  const { lowest, highest, at } = extent;
  if (lowest === highest) return `${span} ${count(highest)} watched all the time.`;
  return `${span} between ${count(lowest)} and ${count(highest)} watched, most at ${clock(at)}.`;
}

/** @param {ViewerMilestone} milestone */
function celebrate({ emoji, title, description }) {
  const line = find('milestone');
  line.textContent = [emoji, title, description && `– ${description}`].filter(Boolean).join(' ');
  find('announcement').textContent = line.textContent; // a screen reader announces changes of an existing region only
  milestoneUntil = Date.now() + MILESTONE_FOR;
  if (motionAllowed()) line.animate([{ transform: 'scale(0.98)' }, { transform: 'none' }], 300);
}

function writeCode() {
  const { origin } = location;
  find('script-code').textContent =
    `<script type="module" src="${origin}/viewers.js"></script>\n<cairn-viewers channel="${channel}"></cairn-viewers>`;
  find('frame-code').textContent =
    `<iframe src="${origin}/embed/${channel}" title="Viewers"\n` +
    '  width="220" height="44" style="border: 0; color-scheme: light"></iframe>';
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll('[data-copies]'))) {
    button.addEventListener('click', () => copy(button));
  }
}

/** @param {HTMLButtonElement} button */
async function copy(button) {
  const code = find(button.dataset.copies ?? '');
  try {
    await navigator.clipboard.writeText(code.textContent);
    find('announcement').textContent = 'Copied';
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  } catch {
    getSelection()?.selectAllChildren(code); // without permission, the reader copies the selection
  }
}
