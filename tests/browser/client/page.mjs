/** A page that watches a channel, and a Cairn whose responses the test decides. */
import assert from 'node:assert/strict';
import { Time, Window } from './harness.mjs';
import { ViewerSession } from '../../../web/watching.js';

const SECOND = 1000;
export const INTERVAL = 30 * SECOND;
export const ABOUT = {
  channelId: 'demo',
  webSocketUrl: 'wss://cairn.test/live',
  heartbeatInterval: INTERVAL,
  followers: null,
};

export const instant = (seconds) => new Date(Date.UTC(2026, 10, 20, 15) + seconds * SECOND).toISOString();
export const viewerCount = (viewers, seconds = 0) => {
  const asOf = instant(seconds);
  return { channelId: 'demo', viewers, connections: viewers, asOf, window: 60 };
};
export const heartbeat = (viewers) => ({ viewers, heartbeatInterval: INTERVAL });

/** A page that watches `demo`, the sockets it opens, its requests, and the responses to them. */
export function opened({ sockets: accepted = true, hidden = false, watching = null, responses = {}, ...options } = {}) {
  const time = new Time();
  const window = new Window();
  const stored = new Map();
  const page = {
    time, window, stored, accepted, sockets: [], calls: [], beacons: [], ended: 0,
    received: { count: [], state: [], milestone: [], about: [] },
    responses: {
      channel: () => [200, ABOUT],
      join: ({ viewerId }) => [200, { viewerId, token: `0.${page.calls.length}`, ...heartbeat(3) }],
      heartbeat: () => [200, heartbeat(4)],
      leave: () => [204],
      count: () => [404, {}],
      ...responses,
    },
    requests: (what) => page.calls.filter(([name]) => name === what).map(([, body]) => body),
    setVisibility(state) {
      window.document.visibilityState = state;
      window.document.dispatchEvent(new Event('visibilitychange'));
    },
    get socket() { return page.sockets.at(-1); },
    get counts() { return page.received.count.map(({ viewers }) => viewers); },
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
      if (message.action === 'ping' && !this.dead) this.receive({ id: null, event: 'pong', room: null, data: null });
      if (message.action === 'join') this.respond(message);
    }

    respond() {
      const data = { recovered: false, last: null, count: viewerCount(1) };
      this.receive({ id: null, event: 'joined', room: 'channel:demo', data });
    }

    receive(frame) {
      this.onmessage?.({ data: JSON.stringify(frame) });
    }

    count(viewers, seconds) {
      this.receive({ id: null, event: 'viewers:count', room: 'channel:demo', data: viewerCount(viewers, seconds) });
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
    storage: () => ({ getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) }),
    beacon: (url, body) => page.beacons.push([url, JSON.parse(body)]),
    fetch: async (url, { body, credentials }) => {
      assert.equal(credentials, 'omit');
      const name = url.split('/')[5];
      const request = body && JSON.parse(body);
      page.calls.push([name, request]);
      const [status, json, headers = {}] = await page.responses[name](request);
      return { status, headers: new Headers(headers), json: async () => JSON.parse(JSON.stringify(json)) };
    },
    ended: () => { page.ended += 1; },
    ...options,
  };
  const hook = (what) => [what, (value) => page.received[what].push(value)];
  const hooks = Object.fromEntries(Object.keys(page.received).map(hook));
  if (hidden) window.document.visibilityState = 'hidden';
  page.subscribe = () => (watching ? watching('demo', hooks, settings) : page.session.subscribe(hooks));
  if (!watching) page.session = new ViewerSession(options.channel ?? 'demo', settings);
  page.stop = page.subscribe();
  opened.pages.push(page);
  return page;
}

opened.pages = [];
