/** Time that passes when told to, and sockets whose other end is the test. */
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

  /** Let so much time pass; whatever falls due in it happens at its own instant. */
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

/** Let everything that waits on promises alone go on. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A window with its `online` event and a document that can be hidden. */
export class Window extends EventTarget {
  document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
}

/** A client, the sockets it has made (newest last), and what its listeners were told; `accept` is the other end. */
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
      this.answer?.(message);
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

    /** The other end goes away. */
    cut() {
      this.readyState = 3;
      this.onclose?.();
    }

    frame(room, number, event = 'said') {
      this.say({ id: `${room}/${number}`, event, room, at: '', data: number });
    }

    joined(room, last, recovered = false) {
      this.say({ id: null, event: 'joined', room, at: '', data: { recovered, last: last && `${room}/${last}` } });
    }

    say(frame) {
      this.onmessage?.({ data: JSON.stringify(frame) });
    }
  }
  const window = new Window();
  const cairn = connect({ url: 'wss://cairn.test/live', WebSocket: Socket, timers: time, random: () => 0.5, window, ...options });
  const told = { said: [], state: [], gap: [], joined: [], refused: [], signedout: [] };
  for (const event of Object.keys(told)) {
    cairn.on(event, (value) => told[event].push(event === 'said' ? value.data : value));
  }
  return { cairn, time, sockets, told, window, get socket() { return sockets.at(-1); } };
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
