/**
 * Cairn's rooms over one WebSocket that mends itself: nothing is missed, nothing comes twice. See docs/cairn-js.md.
 *
 * API Gateway ends a connection after 10 minutes of silence and after 2 hours of life. Pings keep off the first; before
 * the second a new socket takes over while the old one still listens.
 */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const PING_EVERY = 5 * MINUTE;
const PONG_WITHIN = 10 * SECOND;
const READY_WITHIN = 15 * SECOND; // ticket, handshake and the answers to all joins
const RENEW_AFTER = [110 * MINUTE, 118 * MINUTE];
const STABLE_AFTER = MINUTE;
const BACKOFF = SECOND;
const BACKOFF_CAP = 30 * SECOND;
const HINT_SPREAD = SECOND; // a whole office comes back online in the same moment
const OPEN = 1; // WebSocket.OPEN

/** @param {object} [options] see docs/cairn-js.md */
export function connect(options) {
  return new Cairn(options);
}

/** A room's state while it is joined. `last` is the newest sequence known, `floor` the newest handed on. */
class Room {
  constructor(name, after, viewer) {
    this.name = name;
    this.viewer = viewer; // who watches, in a channel's room
    this.kept = name !== 'everyone'; // what is said to everyone is state: only the newest counts, nothing is replayed
    this.last = after ?? null;
    this.floor = after ?? 0;
    this.asked = null; // the sequence that the pending join named
    this.waiting = null; // the connection whose `joined` is awaited
    this.again = false; // a recovery that left a hole is asked for once more
    this.buffer = new Map();
  }
}

class Cairn {
  #rooms = new Map();
  #listeners = new Map();
  #current = null; // the connection in use
  #next = null; // one that is being made
  #failures = 0;
  #retry = null;
  #state = 'connecting';
  #url; #ticket; #storage; #WebSocket; #timers; #random; #window;

  constructor({
    url = async () => (await (await fetch('/api/config')).json()).webSocketUrl,
    ticket = null,
    storage = null,
    WebSocket = globalThis.WebSocket,
    timers = { set: (call, after) => setTimeout(call, after), clear: (timer) => clearTimeout(timer) },
    random = Math.random,
    window = globalThis,
  } = {}) {
    this.#url = url;
    this.#ticket = ticket;
    this.#storage = storage;
    this.#WebSocket = WebSocket;
    this.#timers = timers;
    this.#random = random;
    this.#window = window;
    window.addEventListener?.('online', this.#hint);
    window.document?.addEventListener('visibilitychange', this.#hint);
    this.#dial();
  }

  /** `connecting`, `open`, `waiting` (for the next attempt), `signedout` or `closed`. */
  get state() {
    return this.#state;
  }

  /** Hear an event; the answer is a function that ends it. */
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
    return () => this.#listeners.get(event).delete(listener);
  }

  /** Be in a room from now on, or from just after the event `after`; in a channel's room as the viewer `viewer`. */
  join(name, { after = quietly(() => this.#storage?.getItem(`cairn:${name}`)), viewer } = {}) {
    if (this.#rooms.has(name)) return;
    const room = new Room(name, after ? sequence(after) : null, viewer);
    this.#rooms.set(name, room);
    if (this.#current) this.#ask(room, this.#current);
    if (this.#next?.opened) this.#ask(room, this.#next);
  }

  leave(name) {
    const room = this.#rooms.get(name);
    if (!room) return;
    this.#rooms.delete(name);
    quietly(() => this.#storage?.removeItem(`cairn:${name}`));
    for (const connection of [this.#current, this.#next]) connection?.send({ action: 'leave', room: name });
    if (room.waiting) this.#settled(room.waiting);
  }

  /** Try at once: after `signedout`, when somebody has signed in again. */
  reconnect() {
    if (this.#state !== 'closed' && !this.#current && !this.#next) this.#dial();
  }

  close() {
    this.#window.removeEventListener?.('online', this.#hint);
    this.#window.document?.removeEventListener('visibilitychange', this.#hint);
    this.#timers.clear(this.#retry);
    this.#next?.end();
    this.#current?.end();
    this.#next = this.#current = null;
    this.#become('closed');
  }

  async #dial() {
    this.#timers.clear(this.#retry);
    if (!this.#current) this.#become('connecting');
    const connection = new Connection(this.#timers, {
      opened: () => this.#opened(connection),
      heard: (frame) => this.#heard(connection, frame),
      lost: () => this.#lost(connection),
    });
    this.#next = connection;
    connection.within(READY_WITHIN);
    try {
      const ticket = await this.#ticket?.();
      if (connection.over) return;
      if (this.#ticket && !ticket) throw Object.assign(new Error('nobody is signed in'), { status: 401 });
      const url = new URL(typeof this.#url === 'function' ? await this.#url() : this.#url);
      if (connection.over) return;
      if (ticket) url.searchParams.set('ticket', ticket);
      connection.use(new this.#WebSocket(url.href));
    } catch (error) {
      if (connection.over) return;
      if (error?.status !== 401 || this.#current) return void connection.lose();
      connection.end();
      this.#next = null;
      this.#become('signedout');
      this.#emit('signedout', null);
    }
  }

  #opened(connection) {
    const [soonest, latest] = RENEW_AFTER;
    connection.after(STABLE_AFTER, () => { this.#failures = 0; });
    connection.after(soonest + this.#random() * (latest - soonest), () => { if (!this.#next) this.#dial(); });
    if (!this.#current) this.#promote(connection);
    for (const room of this.#rooms.values()) this.#ask(room, connection);
    this.#settled(connection);
  }

  #promote(connection) {
    this.#current?.end();
    this.#current = connection;
    if (this.#next === connection) this.#next = null;
    this.#become('open');
  }

  #lost(connection) {
    if (this.#current === connection) this.#current = null;
    if (this.#next === connection) this.#next = null;
    for (const room of this.#rooms.values()) {
      if (room.waiting !== connection) continue;
      room.waiting = null;
      room.buffer.clear(); // the next join brings them again
    }
    if (this.#next) return void this.#become(this.#current ? 'open' : 'connecting');
    if (!this.#current) this.#become('waiting');
    const most = Math.min(BACKOFF_CAP, BACKOFF * 2 ** this.#failures++);
    this.#timers.clear(this.#retry);
    this.#retry = this.#timers.set(() => this.#dial(), this.#random() * most);
  }

  #ask(room, connection) {
    room.waiting = connection;
    room.asked = room.kept ? room.last : null;
    room.floor = room.asked ?? room.floor;
    connection.within(READY_WITHIN);
    connection.send({
      action: 'join',
      room: room.name,
      viewer: room.viewer,
      ...(room.asked === null ? {} : { after: `${room.name}/${room.asked}` }),
    });
  }

  /** A connection of which no room waits any more is ready; one that was to take over now does. */
  #settled(connection) {
    if ([...this.#rooms.values()].some((room) => room.waiting === connection)) return;
    connection.ready();
    if (this.#next === connection) this.#promote(connection);
  }

  #heard(connection, frame) {
    const room = this.#rooms.get(frame.event === 'error' ? frame.data?.room : frame.room);
    if (frame.event === 'error') {
      this.#refused(room, frame.data, connection);
    } else if (frame.event === 'joined') {
      if (room?.waiting !== connection) return;
      this.#joined(room, frame, connection);
      this.#settled(connection);
    } else if (room && frame.id) {
      this.#take(room, frame, sequence(frame.id), connection);
    } else if (room) {
      this.#emit(frame.event, frame); // how something stands: not numbered, the listener knows the newer one
    }
  }

  /** A room that may be asked for later is; of a takeover that has to wait, the old socket stays in the room meanwhile. */
  #refused(room, refusal, connection) {
    this.#emit('refused', refusal);
    if (!room) return;
    if (!refusal.retryAfter) this.#rooms.delete(room.name);
    else if (connection !== this.#current && this.#current) return void connection.lose();
    else connection.after((refusal.retryAfter + this.#random()) * SECOND, () => {
      if (this.#rooms.get(room.name) === room && !room.waiting) this.#ask(room, connection);
    });
    if (room.waiting === connection) room.waiting = null;
    this.#settled(connection);
  }

  #joined(room, frame, connection) {
    const { recovered, last } = frame.data;
    const newest = last ? sequence(last) : 0;
    const resumed = room.asked !== null;
    room.waiting = null;
    if (resumed && !recovered && newest < room.asked) room.last = room.floor = newest; // the room was begun anew
    this.#drain(room);
    const missing = resumed && (room.buffer.size > 0 || room.floor < newest);
    if (missing && recovered && !room.again) {
      room.again = true;
      return void this.#ask(room, connection);
    }
    if (missing || (resumed && !recovered)) this.#emit('gap', { room: room.name, after: `${room.name}/${room.floor}` });
    for (const [number, held] of [...room.buffer].sort(([a], [b]) => a - b)) this.#hand(room, held, number);
    room.buffer.clear();
    room.again = false;
    if (room.kept) room.last = Math.max(room.last ?? 0, newest);
    if (resumed) room.floor = room.last;
    this.#remember(room);
    this.#emit('joined', frame);
  }

  #take(room, frame, number, connection) {
    const next = room.last !== null && number === room.last + 1;
    if (room.kept && !next && (room.waiting || number > room.last)) {
      room.buffer.set(number, frame);
      if (!room.waiting) this.#ask(room, connection); // one before it is missing
    } else {
      this.#hand(room, frame, number);
      this.#drain(room);
    }
  }

  /** Hand on what is held and follows without a hole; while a join is pending, older ones may yet turn out to be news. */
  #drain(room) {
    for (const number of [...room.buffer.keys()].sort((a, b) => a - b)) {
      if (room.last === null || number > room.last + 1 || (room.waiting && number <= room.last)) continue;
      this.#hand(room, room.buffer.get(number), number);
      room.buffer.delete(number);
    }
  }

  /** The one place where a frame reaches the listeners: never one that is as old as the newest before it. */
  #hand(room, frame, number) {
    if (number <= room.floor) return;
    room.floor = number;
    room.last = Math.max(room.last ?? 0, number);
    this.#remember(room);
    this.#emit(frame.event, frame);
  }

  #remember(room) {
    if (room.kept) quietly(() => this.#storage?.setItem(`cairn:${room.name}`, `${room.name}/${room.last}`));
  }

  #hint = () => {
    if (this.#window.document?.visibilityState === 'hidden') return;
    this.#current?.ping();
    if (this.#state !== 'waiting') return;
    this.#timers.clear(this.#retry);
    this.#retry = this.#timers.set(() => this.#dial(), this.#random() * HINT_SPREAD);
  };

  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#emit('state', state);
  }

  #emit(event, value) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        (globalThis.reportError ?? console.error)(error); // a listener's own failure takes nothing from the others
      }
    }
  }
}

/** One socket and its timers. It ends once: by `end`, which nobody hears of, or by `lose`, which is told. */
class Connection {
  opened = false;
  over = false;
  #socket = null; #timers; #told; #running = new Set(); #deadline = null; #pong = null;

  constructor(timers, told) {
    this.#timers = timers;
    this.#told = told;
  }

  use(socket) {
    this.#socket = socket;
    socket.onopen = () => {
      this.opened = true;
      this.#pingLater();
      this.#told.opened();
    };
    socket.onmessage = ({ data }) => {
      this.#clear(this.#pong);
      this.#pong = null;
      const frame = quietly(() => JSON.parse(data));
      if (frame) this.#told.heard(frame);
    };
    socket.onclose = socket.onerror = () => this.lose();
  }

  send(message) {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  ping() {
    this.#pong ??= this.after(PONG_WITHIN, () => this.lose());
    this.send({ action: 'ping' });
  }

  /** To be `ready` in time, or lost. */
  within(time) {
    this.#clear(this.#deadline);
    this.#deadline = this.after(time, () => this.lose());
  }

  ready() {
    this.#clear(this.#deadline);
  }

  after(time, call) {
    const timer = this.#timers.set(() => { this.#running.delete(timer); call(); }, time);
    this.#running.add(timer);
    return timer;
  }

  lose() {
    if (this.over) return;
    this.end();
    this.#told.lost();
  }

  end() {
    this.over = true;
    for (const timer of this.#running) this.#timers.clear(timer);
    this.#running.clear();
    if (!this.#socket) return;
    // A dead peer answers no closing handshake: what the socket says from here on is not waited for.
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = this.#socket.onerror = null;
    this.#socket.close();
  }

  #pingLater() {
    this.after(PING_EVERY, () => {
      this.ping();
      this.#pingLater();
    });
  }

  #clear(timer) {
    this.#timers.clear(timer);
    this.#running.delete(timer);
  }
}

/** For storage, which a browser may forbid, and for frames that are not Cairn's. */
function quietly(call) {
  try {
    return call();
  } catch {
    return null;
  }
}

/** The number at the end of an event's id, `{room}/{sequence}`. */
function sequence(id) {
  return Number(id.slice(id.lastIndexOf('/') + 1));
}
