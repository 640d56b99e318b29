/** Time that passes when received to, and sockets whose other end is the test. */
import { connect } from '../../../web/cairn.js';

export class Time {
  now = 0;
  #timers = new Map();
  #next = 1;

  set = (call, after) => {
    this.#timers.set(this.#next, { call, at: this.now + after });
    return this.#next++;
  };

  clear = (timer) => void this.#timers.delete(timer);

  get pending() {
    return [...this.#timers.values()].map(({ at }) => at - this.now).sort((a, b) => a - b);
  }

  /** Let time pass; every timer that is due runs at its own instant. */
  async pass(milliseconds) {
    const end = this.now + milliseconds;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].call();
    }
    this.now = end;
    await settle();
  }
}

/** Let pending promises settle. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A window with its `online` event and a document that can be hidden. */
export class Window extends EventTarget {
  document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
}

/** A client, the sockets it has made (newest last), and what its listeners received; `accept` is the other end. */
export function client(options = {}) {
  const time = options.time ?? new Time();
  const sockets = [];
  class Socket {
    readyState = 0;
    sent = [];

    constructor(url) {
      this.url = url;
      this.at = time.now;
      sockets.push(this);
      if (options.accept) time.set(() => options.accept(this), 50);
    }

    send(text) {
      const message = JSON.parse(text);
      this.sent.push(message);
      this.respond?.(message);
    }

    close() {
      this.readyState = 3;
      this.closed = true;
    }

    open() {
      this.readyState = 1;
      this.onopen?.();
      return this;
    }

    /** The other end closes the connection. */
    cut() {
      this.readyState = 3;
      this.onclose?.();
    }

    frame(room, number, event = 'update') {
      this.receive({ id: `${room}/${number}`, event, room, at: '', data: number });
    }

    joined(room, last, recovered = false) {
      this.receive({ id: null, event: 'joined', room, at: '', data: { recovered, last: last && `${room}/${last}` } });
    }

    receive(frame) {
      this.onmessage?.({ data: JSON.stringify(frame) });
    }
  }
  const window = new Window();
  const mocks = { WebSocket: Socket, timers: time, random: () => 0.5, window };
  const cairn = connect({ url: 'wss://cairn.test/live', now: () => time.now, ...mocks, ...options });
  const received = { update: [], state: [], gap: [], joined: [], refused: [], signedout: [] };
  for (const event of Object.keys(received)) {
    cairn.on(event, (value) => received[event].push(event === 'update' ? value.data : value));
  }
  return { cairn, time, sockets, received, window, get socket() { return sockets.at(-1); } };
}

/** A client in one room whose newest event is `last`. */
export async function joined(room = 'tv-display', last = 4, options = {}) {
  const made = client(options);
  await settle();
  made.cairn.join(room, options.after ? { after: options.after } : {});
  made.socket.open();
  made.socket.joined(room, last, Boolean(options.after));
  return made;
}
