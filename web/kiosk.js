/** What lets a display run unattended for weeks: it reloads itself, keeps the screen on, and avoids burn-in. */
const MINUTE = 60_000;
const NIGHT_HOUR = 4; // when nobody is watching
const OLD_ENOUGH = 2 * 60 * MINUTE;
const VERSIONS_EVERY = 10;
const DRIFT = 6; // pixels

/** Call `tick` now and at each full minute. @param {(now: Date) => void} tick */
export function everyMinute(tick) {
  const now = Date.now();
  tick(new Date(now));
  setTimeout(() => everyMinute(tick), MINUTE - (now % MINUTE));
}

/** Reloads the page each night and after a deployment, once nothing is playing and the server answers. */
export class AutoReload {
  #opened = Date.now();
  #minute = Math.floor(Math.random() * 60); // spreads the reloads of many displays
  #minutes = 0;
  #due = false;
  /** @type {Record<string, string> | null} */
  #versions = null;
  #isIdle;

  /** @param {() => boolean} isIdle */
  constructor(isIdle) {
    this.#isIdle = isIdle;
  }

  /** @param {Date} now */
  async tick(now) {
    const night = now.getHours() === NIGHT_HOUR && now.getMinutes() >= this.#minute;
    if (night && Number(now) - this.#opened > OLD_ENOUGH) this.#due = true;
    if (this.#minutes++ % VERSIONS_EVERY === 0 && await this.#deployed()) this.#due = true;
    if (this.#due && this.#isIdle() && await allAvailable() && this.#isIdle()) location.reload();
  }

  async #deployed() {
    const current = await versions();
    const known = this.#versions ?? current;
    this.#versions = { ...known, ...current };
    return Object.keys(current).some((path) => known[path] && known[path] !== current[path]);
  }
}

/** This page and its own files, as they were first loaded. */
const FILES = [...new Set([location.pathname, ...performance.getEntriesByType('resource')
  .map(({ name }) => new URL(name))
  .filter(({ origin, pathname }) => origin === location.origin && !pathname.startsWith('/api/'))
  .map(({ pathname }) => pathname)])];

const heads = () => Promise.all(FILES.map(async (path) => {
  const response = await fetch(path, { method: 'HEAD', cache: 'no-cache' }).catch(() => null);
  return { path, response };
}));

/** Whether a reload would find every file, rather than end at the browser's error page or with half the modules. */
async function allAvailable() {
  return (await heads()).every(({ response }) => response?.ok);
}

/** The entity tag of each file that has one. @returns {Promise<Record<string, string>>} */
async function versions() {
  const tags = (await heads()).map(({ path, response }) => [path, response?.ok && response.headers.get('etag')]);
  return Object.fromEntries(tags.filter(([, tag]) => tag));
}

/**
 * Move the picture by a few pixels, a little further each minute, in a slow circle.
 * @param {HTMLElement} element @param {number} now
 */
export function drift(element, now) {
  const angle = (now / MINUTE / 30) * 2 * Math.PI;
  element.style.setProperty('--drift-x', `${Math.round(Math.cos(angle) * DRIFT)}px`);
  element.style.setProperty('--drift-y', `${Math.round(Math.sin(angle) * DRIFT)}px`);
}

/** Keep the screen on, where the browser can. A hidden page loses the lock, and requests it again once visible. */
export function keepScreenOn() {
  const lock = () => {
    if (document.visibilityState === 'visible') navigator.wakeLock?.request('screen').catch(() => null);
  };
  document.addEventListener('visibilitychange', lock);
  lock();
}
