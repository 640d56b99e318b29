/** A page that watches a channel, and a Cairn that answers it as the test says. */
import assert from 'node:assert/strict';
import { Time, Window } from './harness.mjs';
import { Watching } from '../../../web/watching.js';

const SECOND = 1000;
export const INTERVAL = 30 * SECOND;
export const ABOUT = {
  channelId: 'demo',
  webSocketUrl: 'wss://cairn.test/live',
  heartbeatInterval: INTERVAL,
  followers: null,
};

export const instant = (seconds) => new Date(Date.UTC(2026, 10, 20, 15) + seconds * SECOND).toISOString();
export const counted = (viewers, seconds = 0) => {
  const asOf = instant(seconds);
  return { channelId: 'demo', viewers, connections: viewers, asOf, window: 60 };
};
export const stands = (viewers) => ({ viewers, heartbeatInterval: INTERVAL });

/** A page that watches `demo`, the sockets it opens, and what it asks and is answered. */
export function opened({ sockets: accepted = true, hidden = false, watching = null, answers = {}, ...options } = {}) {
  const time = new Time();
  const window = new Window();
  const kept = new Map();
  const page = {
    time, window, kept, accepted, sockets: [], calls: [], beacons: [], ended: 0,
    told: { count: [], state: [], milestone: [], about: [] },
    answers: {
      channel: () => [200, ABOUT],
      join: ({ viewerId }) => [200, { viewerId, token: `0.${page.calls.length}`, ...stands(3) }],
      heartbeat: () => [200, stands(4)],
      leave: () => [204],
      count: () => [404, {}],
      ...answers,
    },
    said: (what) => page.calls.filter(([name]) => name === what).map(([, body]) => body),
    look(state) {
      window.document.visibilityState = state;
      window.document.dispatchEvent(new Event('visibilitychange'));
    },
    get socket() { return page.sockets.at(-1); },
    get counts() { return page.told.count.map(({ viewers }) => viewers); },
  };
  class Socket {
    readyState = 0;
    sent = [];

    constructor(url) {
      this.url = url;
      page.sockets.push(this);
      time.set(() => { if (this.readyState === 0) page.accepted ? this.open() : this.cut(); }, 50);
    }

    open() {
      this.readyState = 1;
      this.onopen?.();
    }

    send(text) {
      const message = JSON.parse(text);
      this.sent.push(message);
      if (message.action === 'ping' && !this.dead) this.say({ id: null, event: 'pong', room: null, data: null });
      if (message.action === 'join') this.answer(message);
    }

    answer() {
      const data = { recovered: false, last: null, count: counted(1) };
      this.say({ id: null, event: 'joined', room: 'channel:demo', data });
    }

    say(frame) {
      this.onmessage?.({ data: JSON.stringify(frame) });
    }

    count(viewers, seconds) {
      this.say({ id: null, event: 'viewers:count', room: 'channel:demo', data: counted(viewers, seconds) });
    }

    cut() {
      this.readyState = 3;
      this.onclose?.();
    }

    close() {
      this.readyState = 3;
      this.closed = true;
    }
  }
  const settings = {
    origin: 'https://cairn.test', window, WebSocket: Socket, timers: time,
    now: () => time.now,
    random: () => 0.5,
    storage: () => ({ getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) }),
    beacon: (url, body) => page.beacons.push([url, JSON.parse(body)]),
    fetch: async (url, { body, credentials }) => {
      assert.equal(credentials, 'omit');
      const name = url.split('/')[5];
      const given = body && JSON.parse(body);
      page.calls.push([name, given]);
      const [status, json, headers = {}] = await page.answers[name](given);
      return { status, headers: new Headers(headers), json: async () => JSON.parse(JSON.stringify(json)) };
    },
    ended: () => { page.ended += 1; },
    ...options,
  };
  const hear = (what) => [what, (value) => page.told[what].push(value)];
  const hooks = Object.fromEntries(Object.keys(page.told).map(hear));
  if (hidden) window.document.visibilityState = 'hidden';
  page.hear = () => (watching ? watching('demo', hooks, settings) : page.watching.hear(hooks));
  if (!watching) page.watching = new Watching(options.channel ?? 'demo', settings);
  page.stop = page.hear();
  opened.pages.push(page);
  return page;
}

opened.pages = [];
