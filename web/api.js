/** Cairn's HTTP API for its own pages: JSON, one error type, and a session that is renewed on demand. */
const TIMEOUT = 20_000;
const NO_CONTENT = 204;
const RETRY_FIRST = 1000;
const RETRY_CAP = 30_000;
const FINAL_STATUSES = new Set([400, 401, 403, 404]);

let clockOffset = 0; // milliseconds by which the server's clock is ahead of this machine's

/** The server's time: a TV's own clock may be wrong. */
export const serverNow = () => Date.now() + clockOffset;

/** An error response; `status` is 0 when the API could not be reached, `retryAfter` in seconds. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message @param {number | null} [retryAfter] */
  constructor(status, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The HTTP status of an error of `call` or `send`; null for any other error. @param {unknown} error */
export const statusOf = (error) => (error instanceof ApiError ? error.status : null);

/**
 * The response's JSON, or null for one without a body. An expired session is renewed once, and the request sent again.
 * @param {string} path @param {{method?: string, body?: unknown}} [options] @returns {Promise<any>}
 */
export async function call(path, options) {
  try {
    return await send(path, options);
  } catch (error) {
    if (statusOf(error) !== 401) throw error;
    await renew();
    return send(path, options);
  }
}

/**
 * One request, without renewing the session.
 * @param {string} path @param {{method?: string, body?: unknown}} [options] @returns {Promise<any>}
 */
export async function send(path, { method = 'GET', body } = {}) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT);
  try {
    const response = await fetch(path, {
      method,
      signal: abort.signal,
      cache: 'no-store',
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    clockOffset = Date.parse(response.headers.get('date') ?? '') - Date.now() || 0;
    const text = await response.text(); // throws for a truncated response
    const json = text ? parsed(text) : null;
    const { ok, status } = response;
    if (!ok) {
      const retryAfter = Number(response.headers.get('retry-after')) || null;
      throw new ApiError(status, String(json?.error ?? `The server answered ${status}`), retryAfter);
    }
    if (json === null && status !== NO_CONTENT) throw new ApiError(0, 'The server sent an invalid response');
    return json;
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError(0, 'The server cannot be reached');
  } finally {
    clearTimeout(timer);
  }
}

/** null for an error that is not JSON: a proxy in between answers in its own format. @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @type {Promise<Session> | null} */
let renewing = null;

/** A new session from the refresh cookie. Concurrent callers share one request. */
export function renew() {
  renewing ??= send('/api/session/refresh', { method: 'POST' }).finally(() => { renewing = null; });
  return renewing;
}

/** @returns {Promise<Config>} */
export const config = () => send('/api/config');

/** For `cairn.connect`: a fresh ticket, or null when nobody is signed in. @returns {Promise<string | null>} */
export async function ticket() {
  try {
    return (await call('/api/ws-ticket', { method: 'POST' })).ticket;
  } catch (error) {
    if (statusOf(error) === 401) return null;
    throw error;
  }
}

/**
 * A list's items, page by page, up to `limit`; the other fields are the last page's.
 * @param {string} path @param {{limit?: number, [name: string]: string | number | null | undefined}} [query]
 * @returns {Promise<any>}
 */
export async function list(path, { limit = 100, ...query } = {}) {
  /** @type {unknown[]} */
  const items = [];
  /** @type {ListPage<unknown>} */
  let page = { items: [], nextCursor: null };
  do {
    const params = { limit: Math.min(100, limit - items.length), cursor: page.nextCursor, ...query };
    const present = Object.entries(params).filter(([, value]) => value !== null && value !== undefined);
    page = await call(`${path}?${new URLSearchParams(present.map(([name, value]) => [name, String(value)]))}`);
    items.push(...page.items);
  } while (page.nextCursor && items.length < limit);
  return { ...page, items };
}

/**
 * Repeat a request until it succeeds or fails for good; `onRetry` is called after each temporary failure.
 * @template Result @param {() => Promise<Result>} request @param {(error: ApiError) => void} [onRetry]
 */
export async function patiently(request, onRetry) {
  for (let wait = RETRY_FIRST; ; wait = Math.min(RETRY_CAP, wait * 2)) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof ApiError) || FINAL_STATUSES.has(error.status)) throw error;
      onRetry?.(error);
      await new Promise((resolve) => { setTimeout(resolve, Math.random() * wait); });
    }
  }
}
