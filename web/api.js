/** Cairn's HTTP API for its own pages: JSON, errors as one type, and a session that renews itself. */
const TIMEOUT = 20_000;
const NO_CONTENT = 204;
const RENEW_BEFORE = 5 * 60_000;
const RENEW_AT_LEAST = 30_000;
const RETRY_FIRST = 1000;
const RETRY_CAP = 30_000;
const REFUSALS = new Set([400, 401, 403, 404]);

let ahead = 0; // milliseconds by which the server's clock is ahead of this machine's

/** The server's time: a TV's own clock may be anything. */
export const serverNow = () => Date.now() + ahead;

/** What the API answered instead; `status` is 0 when it could not be reached. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The answer's JSON, or null for one without a body. A session that has run out is renewed once on the way. */
export async function call(path, options) {
  try {
    return await send(path, options);
  } catch (error) {
    if (error.status !== 401) throw error;
    await renew();
    return send(path, options);
  }
}

async function send(path, { method = 'GET', body } = {}) {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), TIMEOUT);
  try {
    const answer = await fetch(path, {
      method,
      signal: giveUp.signal,
      cache: 'no-store',
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    ahead = Date.parse(answer.headers.get('date')) - Date.now() || 0;
    const text = await answer.text(); // an answer that breaks off is none
    const json = text ? parsed(text) : null;
    if (!answer.ok) throw new ApiError(answer.status, String(json?.error ?? `The server answered ${answer.status}`));
    if (json === null && answer.status !== NO_CONTENT) throw new ApiError(0, 'The server cannot be understood');
    return json;
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError(0, 'The server cannot be reached');
  } finally {
    clearTimeout(timer);
  }
}

/** An error need not be JSON: whatever stands between us and the API answers in its own way. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

let renewing = null;

/** A fresh session from the refresh cookie. Many may ask at once; one request is made. */
export function renew() {
  renewing ??= send('/api/session/refresh', { method: 'POST' }).finally(() => { renewing = null; });
  return renewing;
}

/** Who is signed in: `{userId, name, modules, expiresAt}`, or null. */
export async function session() {
  try {
    return await call('/api/session');
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

export const signIn = (name, password) => send('/api/session', { method: 'POST', body: { name, password } });
export const signOut = () => send('/api/session', { method: 'DELETE' });
export const config = () => send('/api/config');

/** Renew the session before it ends, for as long as the page is open. A page that slept renews at its next request. */
export function keepSession(me) {
  const left = Date.parse(me?.expiresAt) - serverNow() - RENEW_BEFORE;
  setTimeout(async () => {
    keepSession(await renew().catch(() => null));
  }, Math.max(Number.isFinite(left) ? left : 10 * RENEW_AT_LEAST, RENEW_AT_LEAST));
}

/** For `cairn.connect`: a fresh ticket, or null when nobody is signed in. */
export async function ticket() {
  try {
    return (await call('/api/ws-ticket', { method: 'POST' })).ticket;
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

/** A list's items, page by page, up to `limit`. */
export async function list(path, { limit = 100, ...query } = {}) {
  const items = [];
  let page = { nextCursor: null };
  do {
    const asked = { limit: Math.min(100, limit - items.length), cursor: page.nextCursor, ...query };
    const given = Object.entries(asked).filter(([, value]) => value !== null && value !== undefined);
    page = await call(`${path}?${new URLSearchParams(given)}`);
    items.push(...page.items);
  } while (page.nextCursor && items.length < limit);
  return { ...page, items };
}

export const mayLead = (me) => ['leaderboard', 'admin'].some((module) => me.modules.includes(module));

/** Ask until there is an answer or a refusal; `trouble` hears of each failure between. */
export async function patiently(ask, trouble) {
  for (let wait = RETRY_FIRST; ; wait = Math.min(RETRY_CAP, wait * 2)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || REFUSALS.has(error.status)) throw error;
      trouble?.(error);
      await new Promise((resolve) => { setTimeout(resolve, Math.random() * wait); });
    }
  }
}
