/**
 * Makes a page one of a channel's viewers: by a socket, or by heartbeats where no socket opens. See docs/viewers.md.
 * A count needs less than cairn.js guarantees.
 */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const SOCKET_WITHIN = 6 * SECOND;
const SOCKET_SPREAD = 3 * SECOND; // not all join at once
const SOCKET_AGAIN = 2 * MINUTE;
const READY_WITHIN = 15 * SECOND;
const PONG_WITHIN = 10 * SECOND;
const RENEW_AFTER = 110 * MINUTE; // of 2 hours
const RENEW_SPREAD = 8 * MINUTE;
const RESPONSE_WITHIN = 10 * SECOND;
const WINDOW = 60; // seconds in which joins are counted: for a 429 without retry-after
const BACKOFF = 2 * SECOND;
const BACKOFF_CAP = MINUTE;
const POLLS = 3; // per heartbeat
const LINGER = SECOND; // an element that is moved stays the same viewer
const OPEN = 1; // WebSocket.OPEN
const KEY = 'cairn:viewer';
const VIEWER_ID = /^[\w-]{22,64}$/;

export const ORIGIN = new URL(import.meta.url).origin;

export const isChannelId = (/** @type {?string} */ text) => /^[\w.~:@-]{1,100}$/.test(text ?? '');

/** Of `/live/demo` or `/embed/demo`. */
export function channelOf(/** @type {string} */ pathname) {
  try {
    return decodeURIComponent(/^\/\w+\/([^/]+)\/?$/.exec(pathname)?.[1] ?? '');
  } catch {
    return '';
  }
}

/** @type {Map<string, ViewerSession>} */
const sessions = new Map(); // a page is one viewer, one tab

/**
 * Watch a channel until the returned function is called. `about` gets the response of `GET /api/viewer/channel/{id}`;
 * `state` is `connecting`, `here`, `away`, or `refused` for what is no channel.
 * @param {string} channel @param {ViewerHooks} hooks @param {Partial<ViewerOptions>} options
 */
export function watch(channel, hooks, options = {}) {
  const key = `${options.origin ?? ORIGIN}/${channel}`;
  const session = sessions.get(key) ?? new ViewerSession(channel, { ...options, ended: () => sessions.delete(key) });
  sessions.set(key, session);
  return session.subscribe(hooks);
}

export class ViewerSession {
  /** @type {Set<any>} */ #hooks = new Set();
  /** @type {Map<string, unknown>} */ #timers = new Map();
  /** @type {?object} */ #run = null; // replaced at each start, to recognize a late response
  /** @type {?object} */ #asking = null;
  /** @type {any} */ #about = null;
  /** @type {any} */ #count = null;
  /** @type {?WebSocket} */ #socket = null;
  /** @type {?WebSocket} */ #opening = null;
  /** @type {?PresenceSlot} */ #slot = null;
  /** @type {?string} */ #last = null; // the newest milestone's id
  /** @type {ViewerOptions} */ #options;
  #state = 'connecting'; #beating = false; #due = 0; #failures = 0; #socketFailures = 0;
  #missedPolls = 1; // failed, or not made yet
  #pingEvery = 9 * MINUTE; #heard = 0; // API Gateway waits 10
  #channel; #api; #viewer = '';

  /** @param {string} channel @param {Partial<ViewerOptions>} options */
  constructor(channel, options = {}) {
    this.#channel = channel;
    this.#options = {
      origin: ORIGIN,
      window: globalThis.window,
      fetch: (...given) => fetch(...given),
      WebSocket: globalThis.WebSocket,
      beacon: (url, body) => navigator.sendBeacon(url, body),
      storage: () => localStorage, // may throw
      timers: { set: (call, after) => setTimeout(call, after), clear: (timer) => clearTimeout(timer) },
      now: Date.now,
      random: Math.random,
      ended: () => {},
      ...options,
    };
    this.#api = `${this.#options.origin}/api/viewer/`;
    if (isChannelId(channel)) this.#listenToPage('addEventListener');
    else this.#state = 'refused';
  }

  subscribe(/** @type {any} */ hooks) {
    this.#clear('linger');
    this.#hooks.add(hooks);
    const known = Object.entries({ state: this.#state, about: this.#about, count: this.#count });
    for (const [what, value] of known) if (value) notify(hooks, what, value);
    this.#wake();
    return () => {
      if (this.#hooks.delete(hooks) && this.#hooks.size === 0) this.#later('linger', LINGER, () => this.#end());
    };
  }

  get #hidden() {
    return this.#options.window.document.visibilityState === 'hidden';
  }

  #listenToPage(/** @type {'addEventListener' | 'removeEventListener'} */ how) {
    const { window } = this.#options;
    window.document[how]('visibilitychange', this.#wake);
    window[how]('pagehide', this.#suspend);
    window[how]('pageshow', this.#wake); // from the back-forward cache
    window[how]('online', this.#retryNow); // an old socket may be dead
  }

  #end() {
    this.#listenToPage('removeEventListener');
    this.#suspend();
    this.#options.ended();
  }

  #suspend = () => {
    this.#run = null;
    this.#clear(...this.#timers.keys());
    discard(this.#socket);
    discard(this.#opening);
    this.#socket = this.#opening = null;
    this.#stopBeating((slot) => this.#options.beacon(`${this.#api}leave`, JSON.stringify(slot)));
  };

  async #start() {
    const run = {};
    this.#run = this.#hidden ? null : run;
    if (!this.#run) return;
    const response = this.#about ?? await this.#call(`channel/${this.#channel}`);
    if (run !== this.#run) return;
    if (response.status === 200) {
      this.#failures = 0;
      this.#about = response;
      this.#viewer ||= viewerId(this.#options.storage);
      this.#notify('about', response);
      this.#dial();
    } else if (response.status === 400 || response.status === 404) {
      this.#setState('refused');
    } else {
      this.#setState('away');
      this.#later('start', response.wait || this.#backOff(this.#failures++), () => this.#start());
    }
  }

  /** A hidden page sends nothing by HTTP. */
  #wake = () => {
    if (this.#state === 'refused') return;
    if (!this.#hooks.size) return this.#end(); // the last one unsubscribed just before
    if (this.#hidden) {
      this.#clear('beat', 'poll');
    } else if (!this.#run) {
      this.#start();
    } else if (!this.#beating) {
      this.#retryNow();
    } else {
      const due = Math.max(0, this.#due - this.#options.now());
      if (this.#asking !== this.#run) this.#later('beat', due, () => this.#beat());
      if (!this.#timers.has('poll')) this.#pollLater();
    }
  };

  /** Retry within a second; check that the socket is alive. */
  #retryNow = () => {
    if (this.#socket) this.#ping();
    const soon = this.#options.random() * SECOND;
    if (this.#timers.has('start')) this.#later('start', soon, () => this.#start());
    if (this.#timers.has('dial')) this.#later('dial', soon, () => this.#dial());
    if (this.#timers.has('beat')) this.#later('beat', soon, () => this.#beat());
  };

  // -- by socket

  #dial() {
    /** @type {WebSocket} */ let socket;
    try {
      socket = new this.#options.WebSocket(this.#about.webSocketUrl);
    } catch {
      return this.#lost(null); // forbidden by the page's policy
    }
    this.#opening = socket;
    socket.onopen = () => {
      const after = this.#last && { after: this.#last };
      send(socket, { action: 'join', room: `channel:${this.#channel}`, viewer: this.#viewer, ...after });
    };
    socket.onmessage = ({ data }) => this.#received(socket, JSON.parse(data));
    socket.onclose = () => this.#lost(socket);
    this.#later('ready', READY_WITHIN, () => this.#lost(socket));
    this.#fallBackLater();
  }

  #received(/** @type {WebSocket} */ socket, /** @type {any} */ { event, id, expiresAt, data }) {
    if (socket === this.#socket) this.#pingLater();
    if (event === 'joined') {
      this.#joined(socket, data);
    } else if (event === 'viewers:count') {
      this.#setCount(data);
    } else if (event === 'viewers:milestone' && !(number(id) <= number(this.#last))) {
      this.#last = id;
      if (!(Date.parse(expiresAt) < this.#options.now())) this.#notify('milestone', data);
    } else if (event === 'error') {
      this.#lost(socket, data.retryAfter * SECOND);
    }
  }

  /** Only now end the heartbeats or the old socket, so that the viewer is counted without a gap. */
  #joined(/** @type {WebSocket} */ socket, /** @type {any} */ { last, count }) {
    if (this.#socket !== socket) discard(this.#socket);
    this.#socket = socket;
    this.#opening = null;
    this.#last ??= last ?? `channel:${this.#channel}/0`;
    this.#clear('ready', 'dial', 'fallback');
    this.#later('stable', MINUTE, () => { this.#socketFailures = 0; });
    this.#pingLater();
    this.#later('renew', RENEW_AFTER + this.#options.random() * RENEW_SPREAD, () => this.#dial());
    this.#stopBeating((slot) => this.#call('leave', slot));
    if (count?.viewers) this.#setCount(count); // 0 is from before this viewer joined
  }

  #pingLater() {
    this.#clear('pong');
    this.#heard = this.#options.now();
    this.#later('ping', this.#pingEvery, () => this.#ping());
  }

  #ping() {
    const socket = this.#socket;
    this.#later('pong', PONG_WITHIN, () => this.#lost(socket));
    send(socket, { action: 'ping' });
  }

  #lost(/** @type {?WebSocket} */ socket, wait = 0) {
    discard(socket);
    if (socket === this.#socket) {
      const silence = this.#options.now() - this.#heard; // or sleep
      const wasCut = silence > MINUTE / 2 && silence <= this.#pingEvery + PONG_WITHIN;
      if (wasCut) this.#pingEvery = Math.max(MINUTE, this.#pingEvery / 2);
      this.#socket = null;
      this.#clear('ping', 'pong', 'renew', 'stable');
    } else {
      this.#opening = null;
      this.#clear('ready');
    }
    this.#fallBackLater();
    if (this.#opening) return;
    const again = this.#beating ? this.#rarely() : Math.max(wait || 0, this.#backOff(this.#socketFailures++));
    this.#later('dial', again, () => this.#dial());
  }

  #fallBackLater() {
    if (this.#socket || this.#beating || this.#timers.has('fallback')) return;
    this.#later('fallback', SOCKET_WITHIN + this.#options.random() * SOCKET_SPREAD, () => this.#fallBack());
  }

  #fallBack() {
    if (this.#hidden) return this.#fallBackLater(); // no heartbeat would be sent anyway
    this.#beating = true;
    if (!this.#opening) this.#later('dial', this.#rarely(), () => this.#dial());
    this.#wake();
  }

  #rarely() {
    return SOCKET_AGAIN * (0.75 + this.#options.random() / 2);
  }

  // -- by heartbeats

  async #beat() {
    const run = this.#run;
    this.#asking = run;
    const slot = this.#slot ?? { channelId: this.#channel, viewerId: this.#viewer };
    const response = await this.#call(this.#slot ? 'heartbeat' : 'join', slot);
    if (this.#asking === run) this.#asking = null;
    const { token, viewerId } = response;
    const given = token && { channelId: this.#channel, viewerId, token };
    if (run !== this.#run || !this.#beating) return void (given && this.#call('leave', given));
    if (given) this.#slot = given;
    this.#due = this.#options.now();
    if (response.status === 200) {
      this.#failures = 0;
      this.#due += response.heartbeatInterval;
      this.#setCount({ ...this.#count, viewers: response.viewers });
    } else if (this.#slot && (response.status === 404 || response.status === 403)) {
      this.#slot = null; // expired, or another's by now: join again
    } else {
      this.#due += response.wait || this.#backOff(this.#failures++);
      this.#checkAway();
    }
    this.#wake();
  }

  #stopBeating(/** @type {(slot: PresenceSlot) => void} */ leave) {
    if (this.#slot) leave(this.#slot);
    this.#beating = false;
    this.#slot = null;
    this.#due = 0;
    this.#missedPolls = 1;
    this.#clear('beat', 'poll');
  }

  async #poll() {
    const run = this.#run;
    this.#pollLater();
    const response = await this.#call(`count/${this.#channel}`);
    if (run !== this.#run || !this.#beating) return;
    this.#missedPolls = response.status === 200 ? 0 : this.#missedPolls + 1;
    if (!this.#missedPolls) return this.#setCount(response);
    this.#checkAway();
  }

  #pollLater() {
    const longer = this.#missedPolls > 1 ? this.#backOff(this.#missedPolls) : 0;
    this.#later('poll', this.#about.heartbeatInterval / POLLS + longer, () => this.#poll());
  }

  // -- for both

  /**
   * `status` 0 is no response; `wait` is in milliseconds, if the response says when to retry.
   * @param {string} path @param {object} [body] @returns {Promise<any>}
   */
  async #call(path, body) {
    try {
      const response = await this.#options.fetch(this.#api + path, {
        ...(body && { method: 'POST', body: JSON.stringify(body) }), // plain text, to avoid a preflight request
        credentials: 'omit',
        cache: 'no-store',
        signal: AbortSignal.timeout?.(RESPONSE_WITHIN),
      });
      if (response.status === 200) return { ...(await response.json()), status: 200 };
      const after = Number(response.headers.get('retry-after')) || (response.status === 429 ? WINDOW : 0);
      return { status: response.status, wait: after && (after + this.#options.random()) * SECOND };
    } catch {
      return { status: 0 };
    }
  }

  #backOff(/** @type {number} */ tries) {
    const most = Math.min(BACKOFF_CAP, BACKOFF * 2 ** tries);
    return most * (0.5 + this.#options.random() / 2);
  }

  #checkAway() {
    if (!this.#socket && this.#failures > 0 && this.#missedPolls > 0) this.#setState('away');
  }

  #setCount(/** @type {any} */ count) {
    this.#setState('here');
    if (Date.parse(count.asOf) < Date.parse(this.#count?.asOf)) return;
    this.#count = count;
    this.#notify('count', count);
  }

  #setState(/** @type {string} */ state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#notify('state', state);
  }

  #notify(/** @type {string} */ what, /** @type {unknown} */ value) {
    for (const hooks of [...this.#hooks]) notify(hooks, what, value);
  }

  #later(/** @type {string} */ what, /** @type {number} */ after, /** @type {() => void} */ call) {
    this.#clear(what);
    this.#timers.set(what, this.#options.timers.set(() => {
      this.#timers.delete(what);
      call();
    }, after));
  }

  #clear(/** @type {string[]} */ ...names) {
    for (const what of names) {
      this.#options.timers.clear(this.#timers.get(what));
      this.#timers.delete(what);
    }
  }
}

const send = (/** @type {?WebSocket} */ socket, /** @type {object} */ message) => (
  socket?.readyState === OPEN && socket.send(JSON.stringify(message)));
const number = (/** @type {?string} */ id) => Number(id?.split('/').at(-1));

/** An error in a page's own hook does not end its session. */
function notify(/** @type {any} */ hooks, /** @type {string} */ what, /** @type {unknown} */ value) {
  try {
    hooks[what]?.(value);
  } catch (error) {
    reportError(error);
  }
}

/** A dead peer does not answer the closing handshake: do not wait for its `close`. */
function discard(/** @type {?WebSocket} */ socket) {
  if (!socket) return;
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
}

/** The same on every page of a site; without storage, this page's. */
function viewerId(/** @type {() => Storage} */ storage) {
  const made = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))))
    .replaceAll('+', '-').replaceAll('/', '_').slice(0, 22);
  try {
    const kept = storage().getItem(KEY) ?? '';
    if (VIEWER_ID.test(kept)) return kept;
    storage().setItem(KEY, made);
  } catch {
    // works without storage
  }
  return made;
}
