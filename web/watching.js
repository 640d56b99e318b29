/**
 * To be one of a channel's viewers: by a socket, and by heartbeats where none comes up. See docs/viewers.md.
 *
 * Heartbeats go only while somebody looks at the page; a page that nobody has looked at yet watches nothing. It has a
 * socket of its own and not cairn.js, whose promises a count does not need: on anybody's page each kilobyte counts.
 */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const SOCKET_WITHIN = 6 * SECOND;
const SOCKET_SPREAD = 3 * SECOND; // when sockets end for everybody, not everybody joins anew in one moment
const SOCKET_AGAIN = 2 * MINUTE;
const READY_WITHIN = 15 * SECOND;
const PING_EVERY = 5 * MINUTE; // API Gateway ends a connection after 10 minutes of silence
const PONG_WITHIN = 10 * SECOND;
const RENEW_AFTER = 110 * MINUTE; // and after 2 hours of life
const RENEW_SPREAD = 8 * MINUTE;
const ANSWER_WITHIN = 10 * SECOND;
const WINDOW = 60; // seconds in which joins are counted, for a 429 that does not say when to come again
const BACKOFF = 2 * SECOND;
const BACKOFF_CAP = MINUTE;
const LOOKS = 3; // at the count, to a heartbeat: a stream asks ten times as often
const LINGER = SECOND; // an element that is moved, or drawn anew by a framework, stays the viewer it was
const OPEN = 1; // WebSocket.OPEN
const KEY = 'cairn:viewer';
const VIEWER_ID = /^[\w-]{22,64}$/;

/** Where this module came from is where its channels are. */
export const ORIGIN = new URL(import.meta.url).origin;

export const isChannelId = (text) => /^[\w.~:@-]{1,100}$/.test(text ?? '');

/** The channel that a page is about, by its address: `/live/demo` or `/embed/demo`. */
export function channelOf(pathname) {
  try {
    return decodeURIComponent(/^\/\w+\/([^/]+)\/?$/.exec(pathname)?.[1] ?? '');
  } catch {
    return '';
  }
}

const present = new Map(); // whatever on this page watches a channel is one viewer of it, in one tab

/**
 * Watch a channel until the function that is answered is called. All of `hooks` may be left out: `about` hears what
 * `GET /api/viewer/channel/{id}` says, `count` each new count, `milestone` what has been passed, `state` whether the
 * service is `connecting`, `here`, `away`, or has `refused` the channel.
 */
export function watch(channel, hooks, options = {}) {
  const key = `${options.origin ?? ORIGIN}/${channel}`;
  if (!present.has(key)) present.set(key, new Watching(channel, { ...options, ended: () => present.delete(key) }));
  return present.get(key).hear(hooks);
}

export class Watching {
  #hooks = new Set();
  #waits = new Map(); // timers by what they are for
  #run = null; // changes with each beginning, so that an answer to an earlier one is known as late
  #state = 'connecting'; #about = null; #count = null;
  #socket = null; #coming = null; #misses = 0; #last = null; // the newest milestone's id
  #beating = false; #seat = null; #due = 0; #asking = null; #failures = 0;
  #unseen = 1; // looks at the count that failed, or are yet to be made
  #channel; #api; #options; #viewer = null;

  constructor(channel, options = {}) {
    this.#channel = channel;
    this.#options = {
      origin: ORIGIN,
      window: globalThis,
      fetch: (...given) => fetch(...given),
      WebSocket: globalThis.WebSocket,
      beacon: (address, body) => navigator.sendBeacon(address, body),
      storage: () => localStorage, // a browser may forbid so much as to name it
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

  /** Hear of the channel, first of what is known already; the answer is a function that ends it. */
  hear(hooks) {
    this.#clear('linger');
    this.#hooks.add(hooks);
    const known = { state: this.#state, about: this.#about, count: this.#count };
    for (const what in known) if (known[what]) tell(hooks, what, known[what]);
    this.#wake();
    return () => {
      if (this.#hooks.delete(hooks) && this.#hooks.size === 0) this.#later('linger', LINGER, () => this.#end());
    };
  }

  get #hidden() {
    return this.#options.window.document.visibilityState === 'hidden';
  }

  #listenToPage(how) {
    const { window } = this.#options;
    window.document[how]('visibilitychange', this.#wake);
    window[how]('pagehide', this.#rest);
    window[how]('pageshow', this.#wake); // a page that comes out of the back-forward cache
    window[how]('online', this.#hurry); // a socket of before may be dead
  }

  #end() {
    this.#listenToPage('removeEventListener');
    this.#rest();
    this.#options.ended();
  }

  /** Leave, in the last moment of a page too. */
  #rest = () => {
    this.#run = null;
    this.#waits.forEach((timer) => this.#options.timers.clear(timer));
    this.#waits.clear();
    this.#hangUp();
    this.#stopBeating((seat) => this.#options.beacon(`${this.#api}leave`, JSON.stringify(seat)));
  };

  async #begin() {
    if (this.#hidden) return void (this.#run = null);
    const run = (this.#run = {});
    const answer = this.#about ?? await this.#call(`channel/${this.#channel}`);
    if (run !== this.#run) return;
    if (answer.status === 200) {
      this.#failures = 0;
      this.#about = answer;
      this.#viewer ??= viewerId(this.#options.storage);
      this.#tell('about', answer);
      this.#dial();
    } else if (answer.status === 400 || answer.status === 404) {
      this.#become('refused');
    } else {
      this.#become('away');
      this.#later('begin', answer.wait || this.#backOff(this.#failures++), () => this.#begin());
    }
  }

  /** Whatever is due when the page is looked at; while it is not, nothing goes by HTTP. */
  #wake = () => {
    if (this.#state === 'refused') return;
    if (!this.#hooks.size) return void this.#end(); // the last one ended just before the page
    if (this.#hidden) {
      this.#clear('beat');
      this.#clear('look');
    } else if (!this.#run) {
      this.#begin();
    } else if (!this.#beating) {
      this.#hurry();
    } else {
      const due = Math.max(0, this.#due - this.#options.now());
      if (this.#asking !== this.#run) this.#later('beat', due, () => this.#beat());
      if (!this.#waits.has('look')) this.#lookLater();
    }
  };

  /** What waits to be tried again is tried within a second; a socket is asked whether it still lives. */
  #hurry = () => {
    if (this.#socket) this.#ping();
    const soon = this.#options.random() * SECOND;
    if (this.#waits.has('begin')) this.#later('begin', soon, () => this.#begin());
    if (this.#waits.has('dial')) this.#later('dial', soon, () => this.#dial());
    if (this.#waits.has('beat')) this.#later('beat', soon, () => this.#beat());
  };

  // -- by socket

  #dial() {
    let socket = null;
    try {
      socket = new this.#options.WebSocket(this.#about.webSocketUrl);
    } catch {
      return void this.#lost(socket); // forbidden by the page's policy
    }
    this.#coming = socket;
    socket.onopen = () => {
      const after = this.#last && { after: this.#last };
      say(socket, { action: 'join', room: `channel:${this.#channel}`, viewer: this.#viewer, ...after });
    };
    socket.onmessage = ({ data }) => this.#heard(socket, JSON.parse(data));
    socket.onclose = () => this.#lost(socket);
    this.#later('ready', READY_WITHIN, () => this.#lost(socket));
    this.#missing();
  }

  #heard(socket, { event, id, expiresAt, data }) {
    if (socket === this.#socket) this.#clear('pong');
    if (event === 'joined') {
      this.#entered(socket, data);
    } else if (event === 'viewers:count') {
      this.#take(data);
    } else if (event === 'viewers:milestone' && !(number(id) <= number(this.#last))) {
      this.#last = id;
      if (!(Date.parse(expiresAt) < this.#options.now())) this.#tell('milestone', data);
    } else if (event === 'error') {
      this.#lost(socket, data.retryAfter * SECOND);
    }
  }

  /** Only who is there by socket leaves by HTTP, and leaves the old socket: nobody is counted out between the two. */
  #entered(socket, { last, count }) {
    if (this.#socket !== socket) silence(this.#socket);
    this.#socket = socket;
    this.#coming = null;
    this.#last ??= last ?? `channel:${this.#channel}/0`;
    for (const what of ['ready', 'dial', 'fallback']) this.#clear(what);
    this.#later('stable', MINUTE, () => { this.#misses = 0; });
    this.#later('ping', PING_EVERY, () => this.#ping());
    this.#later('renew', RENEW_AFTER + this.#options.random() * RENEW_SPREAD, () => this.#dial());
    this.#stopBeating((seat) => this.#call('leave', seat));
    if (count?.viewers) this.#take(count); // the last one made may lack whoever has just come
  }

  #ping() {
    const socket = this.#socket;
    this.#later('pong', PONG_WITHIN, () => this.#lost(socket));
    this.#later('ping', PING_EVERY, () => this.#ping());
    say(socket, { action: 'ping' });
  }

  #lost(socket, wait = 0) {
    silence(socket);
    if (socket === this.#socket) {
      this.#socket = null;
      for (const what of ['ping', 'pong', 'renew', 'stable']) this.#clear(what);
    } else {
      this.#coming = null;
      this.#clear('ready');
    }
    this.#missing();
    if (this.#coming) return;
    const again = this.#beating ? this.#rarely() : Math.max(wait || 0, this.#backOff(this.#misses++));
    this.#later('dial', again, () => this.#dial());
  }

  #missing() {
    if (this.#socket || this.#beating || this.#waits.has('fallback')) return;
    this.#later('fallback', SOCKET_WITHIN + this.#options.random() * SOCKET_SPREAD, () => this.#fallBack());
  }

  #fallBack() {
    if (this.#hidden) return void this.#missing(); // it may take its time: no heartbeat would go anyway
    this.#beating = true;
    if (!this.#coming) this.#later('dial', this.#rarely(), () => this.#dial());
    this.#wake();
  }

  #rarely() {
    return SOCKET_AGAIN * (0.75 + this.#options.random() / 2);
  }

  #hangUp() {
    silence(this.#socket);
    silence(this.#coming);
    this.#socket = this.#coming = null;
  }

  // -- by heartbeats

  async #beat() {
    const run = (this.#asking = this.#run);
    const seat = this.#seat ?? { channelId: this.#channel, viewerId: this.#viewer };
    const answer = await this.#call(this.#seat ? 'heartbeat' : 'join', seat);
    if (this.#asking === run) this.#asking = null;
    const given = answer.token && { channelId: this.#channel, viewerId: answer.viewerId, token: answer.token };
    if (run !== this.#run || !this.#beating) return void (given && this.#call('leave', given));
    if (given) this.#seat = given;
    this.#due = this.#options.now();
    if (answer.status === 200) {
      this.#failures = 0;
      this.#due += answer.heartbeatInterval;
      this.#take({ ...this.#count, viewers: answer.viewers });
    } else if (this.#seat && (answer.status === 404 || answer.status === 403)) {
      this.#seat = null; // gone, or another's by now: join again
    } else {
      this.#due += answer.wait || this.#backOff(this.#failures++);
      this.#judge();
    }
    this.#wake();
  }

  #stopBeating(leave) {
    if (this.#seat) leave(this.#seat);
    this.#beating = false;
    this.#seat = null;
    this.#due = 0;
    this.#unseen = 1;
    this.#clear('beat');
    this.#clear('look');
  }

  /** The count between two heartbeats, and while joins are refused. */
  async #look() {
    const run = this.#run;
    this.#lookLater();
    const answer = await this.#call(`count/${this.#channel}`);
    if (run !== this.#run || !this.#beating) return;
    this.#unseen = answer.status === 200 ? 0 : this.#unseen + 1;
    if (!this.#unseen) return this.#take(answer);
    this.#judge();
  }

  #lookLater() {
    const longer = this.#unseen > 1 ? this.#backOff(this.#unseen) : 0;
    this.#later('look', this.#about.heartbeatInterval / LOOKS + longer, () => this.#look());
  }

  // -- for both

  /** `status` 0: no answer; `wait`: after how many milliseconds to ask again, where the answer says. */
  async #call(path, body) {
    try {
      const answer = await this.#options.fetch(this.#api + path, {
        ...(body && { method: 'POST', body: JSON.stringify(body) }), // a plain text: no question beforehand
        credentials: 'omit',
        cache: 'no-store',
        signal: AbortSignal.timeout?.(ANSWER_WITHIN),
      });
      if (answer.status === 200) return { ...(await answer.json()), status: 200 };
      const after = Number(answer.headers.get('retry-after')) || (answer.status === 429 ? WINDOW : 0);
      return { status: answer.status, wait: after && (after + this.#options.random()) * SECOND };
    } catch {
      return { status: 0 };
    }
  }

  #backOff(tries) {
    const most = Math.min(BACKOFF_CAP, BACKOFF * 2 ** tries);
    return most * (0.5 + this.#options.random() / 2);
  }

  /** Away is the service of which neither way brings anything. */
  #judge() {
    if (!this.#socket && this.#failures > 0 && this.#unseen > 0) this.#become('away');
  }

  #take(count) {
    this.#become('here');
    if (Date.parse(count.asOf) < Date.parse(this.#count?.asOf)) return;
    this.#count = count;
    this.#tell('count', count);
  }

  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#tell('state', state);
  }

  #tell(what, value) {
    for (const hooks of [...this.#hooks]) tell(hooks, what, value);
  }

  #later(what, after, call) {
    this.#clear(what);
    this.#waits.set(what, this.#options.timers.set(() => {
      this.#waits.delete(what);
      call();
    }, after));
  }

  #clear(what) {
    this.#options.timers.clear(this.#waits.get(what));
    this.#waits.delete(what);
  }
}

const say = (socket, message) => socket.readyState === OPEN && socket.send(JSON.stringify(message));
const number = (id) => Number(id?.split('/').at(-1));

/** A page's own failure ends nobody's viewing. */
function tell(hooks, what, value) {
  try {
    hooks[what]?.(value);
  } catch (error) {
    reportError(error);
  }
}

/** A dead peer answers no closing handshake: what the socket says from here on is not waited for. */
function silence(socket) {
  if (!socket) return;
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
}

/** This browser's, the same on every page of a site; where nothing may be kept, this page's. */
function viewerId(storage) {
  const made = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))))
    .replaceAll('+', '-').replaceAll('/', '_').slice(0, 22);
  try {
    const kept = storage().getItem(KEY);
    if (VIEWER_ID.test(kept)) return kept;
    storage().setItem(KEY, made);
  } catch {
    // what follows needs no storage
  }
  return made;
}
