/**
 * Joins Cairn's rooms over one WebSocket that reconnects by itself: no event is lost or repeated. See docs/cairn-js.md.
 *
 * API Gateway ends a connection after 10 minutes of silence, and after 2 hours in all. Pings prevent the first; before
 * the second, a new socket takes over while the old one still listens.
 */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const PING_EVERY = [MINUTE, 9 * MINUTE]; // after a silence; less and less if something on the way cuts sooner
const PONG_WITHIN = 10 * SECOND;
const READY_WITHIN = 15 * SECOND; // ticket, handshake and the response to every join
const RENEW_AFTER = [110 * MINUTE, 118 * MINUTE];
const STABLE_AFTER = MINUTE;
const BACKOFF = SECOND;
const BACKOFF_CAP = 30 * SECOND;
const HINT_SPREAD = SECOND; // a whole office comes back online at the same moment
const OPEN = 1; // WebSocket.OPEN

/**
 * @typedef {{url?: string | (() => Promise<string>), ticket?: (() => Promise<string | null>) | null, timers?: Timers,
 *   storage?: Storage | null, WebSocket?: typeof WebSocket, random?: () => number, now?: () => number, window?: typeof globalThis}} Options
 * @typedef {{set: (call: () => void, after: number) => any, clear: (timer: any) => void}} Timers
 * @typedef {{id: string | null, event: string, room: string, data: any, [more: string]: any}} RoomFrame
 */

/** @param {Options} [options] see docs/cairn-js.md */
export function connect(options) {
  return new Cairn(options);
}

/** A joined room. `last` is the newest sequence that is known, `floor` the newest that was delivered. */
class Room {
  /** @param {string} name @param {number | null} after @param {string} [viewer] */
  constructor(name, after, viewer) {
    this.name = name;
    this.viewer = viewer; // the viewer id, in a channel's room
    this.replayed = name !== 'everyone'; // everyone gets a state: only the newest counts, and nothing is replayed
    this.last = after;
    this.floor = after ?? 0;
    this.after = /** @type {number | null} */ (null); // the sequence that the pending join resumes after
    this.joining = /** @type {Connection | null} */ (null); // the connection on which a join is pending
    this.rejoined = false; // a recovery that left a hole is requested once more
    this.buffer = /** @type {Map<number, RoomFrame>} */ (new Map());
  }
}

class Cairn {
  /** @type {Map<string, Room>} */ #rooms = new Map();
  /** @type {Map<string, Set<(value: any) => void>>} */ #listeners = new Map();
  /** @type {Connection | null} */ #current = null; // the connection in use
  /** @type {Connection | null} */ #next = null; // the one being established
  #failures = 0; #pingEvery = PING_EVERY[1];
  /** @type {any} */ #retry = null;
  #state = 'connecting';
  #url; #ticket; #storage; #WebSocket; #timers; #random; #now; #window;

  constructor(/** @type {Options} */ {
    url = async () => (await (await fetch('/api/config')).json()).webSocketUrl,
    ticket = null,
    storage = null,
    WebSocket = globalThis.WebSocket,
    timers = { set: (call, after) => setTimeout(call, after), clear: (timer) => clearTimeout(timer) },
    random = Math.random,
    now = Date.now,
    window = globalThis,
  } = {}) {
    this.#url = url;
    this.#ticket = ticket;
    this.#storage = storage;
    this.#WebSocket = WebSocket;
    this.#timers = timers;
    this.#random = random;
    this.#now = now;
    this.#window = window;
    window.addEventListener?.('online', this.#hint);
    window.document?.addEventListener('visibilitychange', this.#hint);
    this.#dial();
  }

  /** `connecting`, `open`, `waiting` (for the next attempt), `signedout` or `closed`. */
  get state() { return this.#state; }

  /** Listen to an event; returns a function that stops it. */
  on(/** @type {string} */ event, /** @type {(value: any) => void} */ listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Join a room: from now on, or from just after the event `after`; a channel's room as the viewer `viewer`. */
  join(/** @type {string} */ name, /** @type {{after?: string | null, viewer?: string}} */ { after, viewer } = {}) {
    if (this.#rooms.has(name)) return;
    const from = after === undefined ? ignoreErrors(() => this.#storage?.getItem(`cairn:${name}`)) : after;
    const room = new Room(name, from ? sequence(from) : null, viewer);
    this.#rooms.set(name, room);
    if (this.#current) this.#sendJoin(room, this.#current);
    if (this.#next?.opened) this.#sendJoin(room, this.#next);
  }

  leave(/** @type {string} */ name) {
    const room = this.#rooms.get(name);
    if (!room) return;
    this.#rooms.delete(name);
    ignoreErrors(() => this.#storage?.removeItem(`cairn:${name}`));
    for (const connection of [this.#current, this.#next]) connection?.send({ action: 'leave', room: name });
    if (room.joining) this.#checkReady(room.joining);
  }

  /** Connect now: after `signedout`, once somebody has signed in again. */
  reconnect() { if (this.#state !== 'closed' && !this.#current && !this.#next) this.#dial(); }

  close() {
    this.#window.removeEventListener?.('online', this.#hint);
    this.#window.document?.removeEventListener('visibilitychange', this.#hint);
    this.#timers.clear(this.#retry);
    for (const connection of [this.#next, this.#current]) connection?.end();
    this.#next = this.#current = null;
    this.#setState('closed');
  }

  async #dial() {
    this.#timers.clear(this.#retry);
    if (!this.#current) this.#setState('connecting');
    const connection = new Connection(this.#timers, {
      opened: () => this.#opened(connection),
      received: (frame) => this.#received(connection, frame),
      lost: () => this.#lost(connection),
    });
    this.#next = connection;
    connection.within(READY_WITHIN);
    try {
      const ticket = await this.#ticket?.();
      if (connection.ended) return;
      if (this.#ticket && !ticket) throw Object.assign(new Error('nobody is signed in'), { status: 401 });
      const url = new URL(typeof this.#url === 'function' ? await this.#url() : this.#url);
      if (connection.ended) return;
      if (ticket) url.searchParams.set('ticket', ticket);
      connection.attach(new this.#WebSocket(url.href));
    } catch (/** @type {any} */ error) {
      if (connection.ended || error?.status !== 401 || this.#current) return void connection.fail();
      connection.end();
      this.#next = null;
      this.#setState('signedout');
      this.#emit('signedout', null);
    }
  }

  #opened(/** @type {Connection} */ connection) {
    connection.heard(this.#now(), this.#pingEvery);
    const [soonest, latest] = RENEW_AFTER;
    connection.after(STABLE_AFTER, () => { this.#failures = 0; });
    connection.after(soonest + this.#random() * (latest - soonest), () => { if (!this.#next) this.#dial(); });
    if (!this.#current) this.#promote(connection);
    for (const room of this.#rooms.values()) this.#sendJoin(room, connection);
    this.#checkReady(connection);
  }

  #promote(/** @type {Connection} */ connection) {
    this.#current?.end();
    this.#current = connection;
    if (this.#next === connection) this.#next = null;
    this.#setState('open');
  }

  #lost(/** @type {Connection} */ connection) {
    if (this.#current === connection) this.#current = null;
    if (this.#next === connection) this.#next = null;
    const silence = connection.opened ? this.#now() - connection.heardAt : 0; // longer than to the pong: it slept
    const wasCut = silence > MINUTE / 2 && silence <= this.#pingEvery + PONG_WITHIN;
    if (wasCut) this.#pingEvery = Math.max(PING_EVERY[0], this.#pingEvery / 2);
    for (const room of [...this.#rooms.values()].filter(({ joining }) => joining === connection)) {
      room.joining = null;
      room.buffer.clear(); // the next join replays them
    }
    if (this.#next) return void this.#setState(this.#current ? 'open' : 'connecting');
    if (!this.#current) this.#setState('waiting');
    const most = Math.min(BACKOFF_CAP, BACKOFF * 2 ** this.#failures++);
    this.#timers.clear(this.#retry);
    this.#retry = this.#timers.set(() => this.#dial(), this.#random() * most);
  }

  #sendJoin(/** @type {Room} */ room, /** @type {Connection} */ connection) {
    room.joining = connection;
    room.after = room.replayed ? room.last : null;
    room.floor = room.after ?? room.floor;
    connection.within(READY_WITHIN);
    connection.send({
      action: 'join',
      room: room.name,
      viewer: room.viewer,
      ...(room.after === null ? {} : { after: `${room.name}/${room.after}` }),
    });
  }

  /** A connection without a pending join is ready; one that was to take over now does. */
  #checkReady(/** @type {Connection} */ connection) {
    if ([...this.#rooms.values()].some((room) => room.joining === connection)) return;
    connection.ready();
    if (this.#next === connection) this.#promote(connection);
  }

  #received(/** @type {Connection} */ connection, /** @type {RoomFrame} */ frame) {
    connection.heard(this.#now(), this.#pingEvery);
    if (frame.event === 'signed-out') {
      connection.fail();
      return this.reconnect(); // whether there is another session, only the next ticket tells
    }
    const room = this.#rooms.get(frame.event === 'error' ? frame.data?.room : frame.room);
    if (frame.event === 'error') {
      this.#rejected(room, frame.data, connection);
    } else if (frame.event === 'joined') {
      if (room?.joining === connection) this.#joined(room, frame, connection);
    } else if (room && frame.id) {
      this.#order(room, frame, connection);
    } else if (room) {
      this.#emit(frame.event, frame); // a state is not numbered: the listener can tell which is newer
    }
  }

  /**
   * Retry if the error says when. A takeover that has to wait is given up, so that the old socket stays in the room.
   * @param {Room | undefined} room @param {any} error @param {Connection} connection
   */
  #rejected(room, error, connection) {
    this.#emit('refused', error);
    if (!room) return;
    if (!error.retryAfter) this.#rooms.delete(room.name);
    else if (connection !== this.#current && this.#current) return void connection.fail();
    else connection.after((error.retryAfter + this.#random()) * SECOND, () => {
      if (this.#rooms.get(room.name) === room && !room.joining) this.#sendJoin(room, connection);
    });
    if (room.joining === connection) room.joining = null;
    this.#checkReady(connection);
  }

  #joined(/** @type {Room} */ room, /** @type {RoomFrame} */ frame, /** @type {Connection} */ connection) {
    const { recovered, last } = frame.data;
    const newest = last ? sequence(last) : 0;
    const resumed = room.after !== null;
    room.joining = null;
    if (!recovered && newest < (room.after ?? 0)) room.last = room.floor = newest; // the room was numbered from the start again
    this.#drain(room);
    const missing = resumed && (room.buffer.size > 0 || room.floor < newest);
    if (missing && recovered && !room.rejoined) {
      room.rejoined = true;
      return void this.#sendJoin(room, connection);
    }
    if (missing || (resumed && !recovered)) this.#emit('gap', { room: room.name, after: `${room.name}/${room.floor}` });
    for (const [number, held] of [...room.buffer].sort(([a], [b]) => a - b)) this.#deliver(room, held, number);
    room.buffer.clear();
    room.rejoined = false;
    if (room.replayed) room.last = Math.max(room.last ?? 0, newest);
    if (resumed) room.floor = room.last ?? 0;
    this.#remember(room);
    this.#emit('joined', frame);
    this.#checkReady(connection);
  }

  #order(/** @type {Room} */ room, /** @type {RoomFrame} */ frame, /** @type {Connection} */ connection) {
    const number = sequence(/** @type {string} */ (frame.id));
    const isNext = room.last !== null && number === room.last + 1;
    if (room.replayed && !isNext && (room.joining || number > (room.last ?? 0))) {
      room.buffer.set(number, frame);
      if (!room.joining) this.#sendJoin(room, connection); // one before it is missing
    } else {
      this.#deliver(room, frame, number);
      this.#drain(room);
    }
  }

  /** Deliver buffered events up to the first hole. During a join older ones stay: they may still be undelivered. */
  #drain(/** @type {Room} */ room) {
    for (const [number, frame] of [...room.buffer].sort(([a], [b]) => a - b)) {
      if (room.last === null || number > room.last + 1 || (room.joining && number <= room.last)) continue;
      this.#deliver(room, frame, number);
      room.buffer.delete(number);
    }
  }

  /** The only way for an event to the listeners; drops one that is not newer than those before it. */
  #deliver(/** @type {Room} */ room, /** @type {RoomFrame} */ frame, /** @type {number} */ number) {
    if (number <= room.floor) return;
    room.floor = number;
    room.last = Math.max(room.last ?? 0, number);
    this.#remember(room);
    this.#emit(frame.event, frame);
  }

  #remember(/** @type {Room} */ room) {
    if (room.replayed) ignoreErrors(() => this.#storage?.setItem(`cairn:${room.name}`, `${room.name}/${room.last}`));
  }

  #hint = () => {
    if (this.#window.document?.visibilityState === 'hidden') return;
    this.#current?.ping();
    if (this.#state !== 'waiting') return;
    this.#timers.clear(this.#retry);
    this.#retry = this.#timers.set(() => this.#dial(), this.#random() * HINT_SPREAD);
  };

  #setState(/** @type {string} */ state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#emit('state', state);
  }

  #emit(/** @type {string} */ event, /** @type {unknown} */ value) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        (globalThis.reportError ?? console.error)(error); // one listener's error must not affect the others
      }
    }
  }
}

/** One socket and its timers. It ends once: silently by `end`, or by `fail`, which calls `lost`. */
class Connection {
  opened = false; ended = false; heardAt = 0;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Set<any>} */ #running = new Set();
  /** @type {any} */ #deadline = null;
  /** @type {any} */ #pong = null;
  /** @type {any} */ #pinging = null;
  #timers; #handlers;

  /** @param {Timers} timers @param {{opened: () => void, received: (frame: any) => void, lost: () => void}} handlers */
  constructor(timers, handlers) {
    this.#timers = timers;
    this.#handlers = handlers;
  }

  attach(/** @type {WebSocket} */ socket) {
    this.#socket = socket;
    socket.onopen = () => { this.opened = true; this.#handlers.opened(); };
    socket.onmessage = ({ data }) => {
      this.#clear(this.#pong);
      this.#pong = null;
      const frame = ignoreErrors(() => JSON.parse(data));
      if (frame) this.#handlers.received(frame);
    };
    socket.onclose = socket.onerror = () => this.fail();
  }

  send(/** @type {object} */ message) { if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message)); }

  ping() {
    this.#pong ??= this.after(PONG_WITHIN, () => this.fail());
    this.send({ action: 'ping' });
  }

  /** Fail unless `ready` is called in time. */
  within(/** @type {number} */ time) {
    this.#clear(this.#deadline);
    this.#deadline = this.after(time, () => this.fail());
  }

  ready() { this.#clear(this.#deadline); }

  after(/** @type {number} */ time, /** @type {() => void} */ call) {
    const timer = this.#timers.set(() => { this.#running.delete(timer); call(); }, time);
    this.#running.add(timer);
    return timer;
  }

  fail() { if (!this.ended) { this.end(); this.#handlers.lost(); } }

  end() {
    this.ended = true;
    for (const timer of this.#running) this.#timers.clear(timer);
    this.#running.clear();
    if (!this.#socket) return;
    // A dead peer does not answer the closing handshake, so its `close` event may come much later.
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = this.#socket.onerror = null;
    this.#socket.close();
  }

  heard(/** @type {number} */ at, /** @type {number} */ pingAfter) {
    this.heardAt = at;
    this.#clear(this.#pinging);
    this.#pinging = this.after(pingAfter, () => this.ping());
  }

  #clear(/** @type {any} */ timer) { this.#timers.clear(timer); this.#running.delete(timer); }
}

/** For storage that a browser forbids, and frames that are not JSON. @template Result @param {() => Result} call */
function ignoreErrors(call) {
  try {
    return call();
  } catch {
    return null;
  }
}

/** The number at the end of an event's id, `{room}/{sequence}`. */
const sequence = (/** @type {string} */ id) => Number(id.slice(id.lastIndexOf('/') + 1));
