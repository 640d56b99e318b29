/** Who is signed in, and which modules they may use. */
import { call, renew, send, serverNow, statusOf } from './api.js';

const RENEW_BEFORE = 5 * 60_000;
const RENEW_AT_LEAST = 30_000;
const KEY = 'cairn:session'; // name and modules only: the session itself is a cookie that no script can read

/** @type {Set<(person: Session | null) => void>} */
const listeners = new Set();
/** @type {Promise<Session | null> | null} */
let asking = null;

/** Who is signed in, or null. Concurrent callers share one request. */
export function session() {
  asking ??= call('/api/session')
    .catch((error) => {
      if (statusOf(error) !== 401) throw error;
      return null;
    })
    .then(remember)
    .finally(() => { asking = null; });
  return asking;
}

/** The session, or what the sign-in needs in addition. @param {string} name @param {string} password */
export async function signIn(name, password) {
  return signedIn(await send('/api/session', { method: 'POST', body: { name, password } }));
}

/** @param {Challenge} challenge @param {string} answer the code, or the new password */
export async function answerChallenge(challenge, answer) {
  return signedIn(await send('/api/session/challenge', { method: 'POST', body: { ...challenge, answer } }));
}

/** @param {Session | Challenge} result */
function signedIn(result) {
  if (!('challenge' in result)) remember(result);
  return result;
}

export async function signOut() {
  await send('/api/session', { method: 'DELETE' });
  remember(null);
}

/** Call `listener` whenever the API has said who is signed in. @param {(person: Session | null) => void} listener */
export const onSession = (listener) => listeners.add(listener);

/**
 * Who was signed in when this browser last asked: enough to draw a page at once, not to decide anything.
 * @returns {Pick<Session, 'name' | 'modules'> | null}
 */
export function lastSession() {
  try {
    const last = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    return Array.isArray(last?.modules) ? last : null;
  } catch {
    return null; // storage may be forbidden
  }
}

/** @param {Session | null} person */
function remember(person) {
  try {
    if (person) localStorage.setItem(KEY, JSON.stringify({ name: person.name, modules: person.modules }));
    else localStorage.removeItem(KEY);
  } catch { /* without storage a page is drawn once the API has answered */ }
  for (const listener of listeners) listener(person);
  return person;
}

/**
 * Whether somebody has one of the modules: null is public, and an admin has every module.
 * @param {Pick<Session, 'modules'> | null} person @param {string[] | null} modules
 */
export function allows(person, modules) {
  return modules === null || Boolean(person?.modules.some((own) => own === 'admin' || modules.includes(own)));
}

/**
 * Renew the session before it expires, for as long as the page is open. A page that slept renews at its next request.
 * @param {Session | null} person
 */
export function keepSession(person) {
  const left = Date.parse(person?.expiresAt ?? '') - serverNow() - RENEW_BEFORE;
  setTimeout(async () => {
    keepSession(await renew().catch(() => null));
  }, Math.max(Number.isFinite(left) ? left : 10 * RENEW_AT_LEAST, RENEW_AT_LEAST));
}
