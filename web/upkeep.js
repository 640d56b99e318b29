/** What lets a display run for weeks with nobody there: fresh pages, a screen that stays awake and does not burn in. */
const MINUTE = 60_000;
const NIGHT = 4; // the hour in which nobody looks
const OLD_ENOUGH = 2 * 60 * MINUTE;
const VERSIONS_EVERY = 10;
const DRIFT = 6; // pixels

/** Run at each full minute; `tick` gets the instant. */
export function everyMinute(tick) {
  const now = Date.now();
  tick(new Date(now));
  setTimeout(() => everyMinute(tick), MINUTE - (now % MINUTE));
}

/** Load the page anew each night and after a publication, once it is quiet and the server answers. */
export class Reloading {
  #opened = Date.now();
  #minute = Math.floor(Math.random() * 60); // many displays do not reload in one moment
  #minutes = 0;
  #due = false;
  #versions = null;
  #isQuiet;

  constructor(isQuiet) {
    this.#isQuiet = isQuiet;
  }

  async tick(now) {
    const night = now.getHours() === NIGHT && now.getMinutes() >= this.#minute;
    if (night && now - this.#opened > OLD_ENOUGH) this.#due = true;
    if (this.#minutes++ % VERSIONS_EVERY === 0 && await this.#published()) this.#due = true;
    if (this.#due && this.#isQuiet() && await allThere() && this.#isQuiet()) location.reload();
  }

  async #published() {
    const found = await versions();
    const known = this.#versions ?? found;
    this.#versions = { ...known, ...found };
    return Object.keys(found).some((address) => known[address] && known[address] !== found[address]);
  }
}

/** This page and all it is made of: its own files, as they were first loaded. */
const PARTS = [...new Set([location.pathname, ...performance.getEntriesByType('resource')
  .map(({ name }) => new URL(name))
  .filter(({ origin, pathname }) => origin === location.origin && !pathname.startsWith('/api/'))
  .map(({ pathname }) => pathname)])];

const head = (part) => fetch(part, { method: 'HEAD', cache: 'no-cache' }).catch(() => null);
const heads = () => Promise.all(PARTS.map(head));

/** Whether a reload would find everything, and not end at the browser's own error page or with half a program. */
async function allThere() {
  return (await heads()).every((answer) => answer?.ok);
}

/** The entity tags of the parts that have one. */
async function versions() {
  const tags = (await heads()).map((answer, place) => [PARTS[place], answer?.ok && answer.headers.get('etag')]);
  return Object.fromEntries(tags.filter(([, tag]) => tag));
}

/** Move the picture by a few pixels, a little further each minute, in a slow circle. */
export function drift(element, now) {
  const angle = (now / MINUTE / 30) * 2 * Math.PI;
  element.style.setProperty('--drift-x', `${Math.round(Math.cos(angle) * DRIFT)}px`);
  element.style.setProperty('--drift-y', `${Math.round(Math.sin(angle) * DRIFT)}px`);
}

/** Keep the screen on, where the browser lets us; a hidden page loses the lock and takes it again when seen. */
export function stayAwake() {
  const lock = () => {
    if (document.visibilityState === 'visible') navigator.wakeLock?.request('screen').catch(() => null);
  };
  document.addEventListener('visibilitychange', lock);
  lock();
}
