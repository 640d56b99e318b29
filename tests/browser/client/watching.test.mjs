/** How a page is viewerCount as a viewer, on a simulated clock: by a socket, by heartbeats, and when it switches. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { settle } from './harness.mjs';
import { ABOUT, INTERVAL, viewerCount, instant, opened, heartbeat } from './page.mjs';
import { channelOf, isChannelId, watch } from '../../../web/watching.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const FALLEN_BACK = 10 * SECOND; // later than any random delay

afterEach(() => {
  for (const { time } of opened.pages.splice(0)) assert.ok(time.pending.length <= 8, `${time.pending.length} timers`);
});

test('a viewer with a socket joins the room once, and sends no heartbeat', async () => {
  const page = opened();
  await page.time.pass(HOUR);
  assert.equal(page.sockets.length, 1);
  const [join] = page.socket.sent;
  assert.deepEqual(join, { action: 'join', room: 'channel:demo', viewer: page.stored.get('cairn:viewer') });
  assert.match(join.viewer, /^[\w-]{22}$/);
  assert.deepEqual(page.calls.map(([name]) => name), ['channel']);
  assert.deepEqual(page.received.state, ['connecting', 'here']);
});

test('the newest count is shown, whichever comes last', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.socket.count(5, 20);
  page.socket.count(4, 10);
  page.socket.count(6, 20);
  assert.deepEqual(page.counts, [1, 5, 6]);
});

test('a count of zero from before the viewer joined is not shown', async () => {
  const page = opened();
  await settle();
  const data = { last: null, recovered: false, count: viewerCount(0) };
  page.socket.respond = () => page.socket.receive({ event: 'joined', data });
  await page.time.pass(SECOND);
  assert.deepEqual(page.counts, []);
});

test('where no socket opens, heartbeats take over within nine seconds', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(5 * SECOND);
  assert.deepEqual(page.requests('join'), []);
  await page.time.pass(4 * SECOND);
  assert.deepEqual(page.requests('join'), [{ channelId: 'demo', viewerId: page.stored.get('cairn:viewer') }]);
  assert.deepEqual(page.counts, [3]);
  await page.time.pass(5 * MINUTE);
  assert.equal(page.requests('join').length, 1);
  assert.equal(page.requests('heartbeat').length, 10);
  assert.match(page.requests('heartbeat')[0].token, /^0\./);
});

test('between two heartbeats the count is polled every ten seconds', async () => {
  const page = opened({ sockets: false, responses: { count: () => [200, viewerCount(7, page.time.now / SECOND)] } });
  await page.time.pass(FALLEN_BACK);
  assert.deepEqual(page.counts, [3]);
  await page.time.pass(11 * SECOND);
  assert.deepEqual(page.counts, [3, 7]);
  assert.deepEqual([page.received.count[1].connections, page.received.count[1].window], [7, 60]);
  await page.time.pass(5 * MINUTE);
  assert.ok(Math.abs(page.requests('count').length - 31) <= 1, `${page.requests('count').length} looks`);
  page.setVisibility('hidden');
  const { length } = page.calls;
  await page.time.pass(HOUR);
  assert.equal(page.calls.length, length);
});

test('a socket that a policy forbids counts as one that does not open', async () => {
  const page = opened({ WebSocket: class { constructor() { throw new Error('SecurityError'); } } });
  await page.time.pass(FALLEN_BACK);
  assert.equal(page.requests('join').length, 1);
});

test('heartbeats bring the count too', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK + INTERVAL);
  assert.deepEqual(page.counts, [3, 4]);
});

test('nothing is sent by HTTP while the page is hidden; what is overdue is sent once it is visible', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  page.setVisibility('hidden');
  const { length } = page.calls;
  await page.time.pass(HOUR);
  assert.equal(page.calls.length, length);
  page.setVisibility('visible');
  await page.time.pass(1);
  assert.equal(page.requests('heartbeat').length, 1);
});

test('a heartbeat that is not due yet waits for its time, however often the page becomes visible', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  for (let times = 0; times < 5; times++) {
    page.setVisibility('hidden');
    await page.time.pass(SECOND);
    page.setVisibility('visible');
  }
  assert.equal(page.requests('heartbeat').length, 0);
  await page.time.pass(INTERVAL);
  assert.equal(page.requests('heartbeat').length, 1);
});

test('a page that was never visible watches nothing', async () => {
  const page = opened({ hidden: true });
  await page.time.pass(HOUR);
  assert.deepEqual(page.calls, []);
  assert.equal(page.stored.size, 0);
  page.setVisibility('visible');
  await page.time.pass(SECOND);
  assert.deepEqual(page.counts, [1]);
});

test('a viewer whose presence expired joins again, immediately and once', async () => {
  for (const status of [404, 403]) {
    const page = opened({ sockets: false });
    await page.time.pass(FALLEN_BACK);
    page.responses.heartbeat = () => [status, {}];
    await page.time.pass(INTERVAL);
    assert.equal(page.requests('join').length, 2);
    page.responses.heartbeat = () => [200, heartbeat(4)];
    await page.time.pass(MINUTE);
    assert.equal(page.requests('join').length, 2);
    assert.notEqual(page.requests('heartbeat').at(-1).token, page.requests('heartbeat')[0].token);
  }
});

test('a viewer who has to wait joins later, and sees the count meanwhile', async () => {
  const page = opened({ sockets: false, responses: { count: () => [200, viewerCount(9)] } });
  page.responses.join = () => [429, {}, { 'Retry-After': '42' }];
  await page.time.pass(FALLEN_BACK + 12 * SECOND);
  assert.deepEqual(page.counts, [9]);
  await page.time.pass(18 * SECOND);
  assert.equal(page.requests('join').length, 1);
  assert.equal(page.received.state.at(-1), 'here');
  await page.time.pass(13 * SECOND);
  assert.equal(page.requests('join').length, 2);
});

test('a viewer who is not told how long to wait joins when the minute in which joins count is over', async () => {
  const page = opened({ sockets: false });
  page.responses.join = () => [429, {}];
  await page.time.pass(FALLEN_BACK);
  assert.equal(page.requests('join').length, 1);
  await page.time.pass(MINUTE - FALLEN_BACK);
  assert.equal(page.requests('join').length, 1);
  await page.time.pass(FALLEN_BACK + SECOND);
  assert.equal(page.requests('join').length, 2);
});

test('failures back off, and the service counts as away until it answers', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  for (const what of ['join', 'heartbeat', 'count']) page.responses[what] = () => { throw new TypeError('No network'); };
  await page.time.pass(INTERVAL);
  assert.equal(page.received.state.at(-1), 'away');
  const before = page.calls.length;
  await page.time.pass(10 * MINUTE);
  assert.ok(page.requests('heartbeat').length <= 20);
  assert.ok(page.calls.length - before <= 35, `${page.calls.length - before} calls`);
  page.responses.heartbeat = () => [200, heartbeat(8)];
  await page.time.pass(MINUTE);
  assert.equal(page.received.state.at(-1), 'here');
  assert.equal(page.counts.at(-1), 8);
});

test('a hidden page sends nothing to a service that is away', async () => {
  const page = opened({ responses: { channel: () => [503, {}] } });
  await page.time.pass(SECOND);
  page.setVisibility('hidden');
  await page.time.pass(MINUTE);
  const { length } = page.calls;
  page.responses.channel = () => [200, ABOUT];
  await page.time.pass(HOUR);
  assert.equal(page.calls.length, length);
  assert.equal(page.sockets.length, 0);
  page.setVisibility('visible');
  await page.time.pass(SECOND);
  assert.deepEqual(page.counts, [1]);
});

test('where no socket opens, one is tried about every two minutes', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  const { length } = page.sockets;
  await page.time.pass(HOUR);
  assert.ok(Math.abs(page.sockets.length - length - 30) <= 1, `${page.sockets.length - length} attempts`);
});

test('while a join is pending no second one is sent, however often the page becomes visible', async () => {
  let respond;
  const page = opened({ sockets: false, responses: { join: () => new Promise((resolve) => { respond = resolve; }) } });
  await page.time.pass(FALLEN_BACK);
  page.setVisibility('hidden');
  page.setVisibility('visible');
  await page.time.pass(SECOND);
  assert.equal(page.requests('join').length, 1);
  respond([200, { viewerId: 'v', token: '0.t', ...heartbeat(2) }]);
  await page.time.pass(INTERVAL);
  assert.deepEqual(page.requests('heartbeat'), [{ channelId: 'demo', viewerId: 'v', token: '0.t' }]);
});

test('a viewer who goes before the first response leaves nothing behind', async () => {
  let respond;
  const page = opened({ responses: { channel: () => new Promise((resolve) => { respond = resolve; }) } });
  await settle();
  page.window.dispatchEvent(new Event('pagehide'));
  respond([200, ABOUT]);
  await page.time.pass(HOUR);
  assert.equal(page.sockets.length, 0);
  assert.deepEqual(page.time.pending, []);
});

test('a viewer who goes while the socket is connecting leaves none, and is never counted', async () => {
  const page = opened();
  await settle();
  assert.equal(page.socket.readyState, 0);
  page.window.dispatchEvent(new Event('pagehide'));
  assert.equal(page.socket.closed, true);
  await page.time.pass(HOUR);
  assert.deepEqual(page.sockets.map(({ sent }) => sent), [[]]);
  assert.deepEqual(page.time.pending, []);
});

test('a service that is away from the start is retried until it answers', async () => {
  const page = opened({ responses: { channel: () => [503, {}] } });
  await page.time.pass(5 * MINUTE);
  assert.equal(page.received.state.at(-1), 'away');
  assert.ok(page.requests('channel').length < 12);
  page.responses.channel = () => [200, ABOUT];
  page.window.dispatchEvent(new Event('online'));
  await page.time.pass(SECOND);
  assert.deepEqual(page.counts, [1]);
});

test('a socket that opens later takes over, and the heartbeats end only then', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  page.accepted = true;
  page.responses.leave = () => {
    assert.equal(page.socket.sent[0].action, 'join');
    return [204];
  };
  await page.time.pass(3 * MINUTE);
  assert.deepEqual(page.requests('leave').map(({ token }) => token), [page.requests('heartbeat')[0].token]);
  const beats = page.requests('heartbeat').length;
  const looks = page.requests('count').length;
  await page.time.pass(HOUR);
  assert.equal(page.requests('heartbeat').length, beats);
  assert.equal(page.requests('count').length, looks);
  assert.equal(page.sockets.filter(({ readyState }) => readyState === 1).length, 1);
});

test('a join whose response comes after the socket is undone', async () => {
  let respond;
  const page = opened({ sockets: false });
  page.responses.join = () => new Promise((resolve) => { respond = resolve; });
  await page.time.pass(FALLEN_BACK);
  page.accepted = true;
  page.window.dispatchEvent(new Event('online'));
  await page.time.pass(SECOND);
  respond([200, { viewerId: 'v', token: '0.late', ...heartbeat(2) }]);
  await page.time.pass(HOUR);
  assert.deepEqual(page.requests('leave'), [{ channelId: 'demo', viewerId: 'v', token: '0.late' }]);
  assert.equal(page.requests('heartbeat').length, 0);
});

test('a socket that is cut is replaced before any heartbeat is needed', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.socket.cut();
  await page.time.pass(HOUR);
  assert.equal(page.sockets.length, 2);
  assert.deepEqual(page.requests('join'), []);
  assert.deepEqual(page.received.state, ['connecting', 'here']);
});

test('repeated cuts back off, which starts over after a minute without one', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  const reconnectsAfter = async (wait) => {
    const { length } = page.sockets;
    page.socket.cut();
    await page.time.pass(wait * SECOND - 1);
    assert.equal(page.sockets.length, length);
    await page.time.pass(100);
    assert.equal(page.socket.readyState, 1);
  };
  for (const wait of [1.5, 3, 6]) await reconnectsAfter(wait);
  await page.time.pass(61 * SECOND);
  await reconnectsAfter(1.5);
});

test('attempts of a hidden page go on by socket, and back off', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.setVisibility('hidden');
  page.accepted = false;
  page.socket.cut();
  await page.time.pass(HOUR);
  assert.deepEqual(page.requests('join'), []);
  assert.ok(page.sockets.length > 10 && page.sockets.length < 100, `${page.sockets.length} attempts`);
  page.accepted = true;
  page.setVisibility('visible');
  await page.time.pass(SECOND);
  assert.equal(page.socket.readyState, 1);
});

test('a socket that died silently is detected by a ping, after nine silent minutes and when the page becomes visible', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.socket.dead = true;
  page.setVisibility('visible');
  await page.time.pass(13 * SECOND);
  assert.equal(page.sockets.length, 2);
  await page.time.pass(HOUR + 3 * MINUTE);
  assert.equal(page.socket.sent.filter(({ action }) => action === 'ping').length, 7);
  assert.equal(page.sockets.length, 2);
});

test('after a socket was cut in silence, pings come twice as often; after one that was not, they do not', async () => {
  const page = opened();
  const pings = () => page.socket.sent.filter(({ action }) => action === 'ping').length;
  const cutAfter = async (time) => {
    await page.time.pass(time);
    page.socket.cut();
    await page.time.pass(15 * SECOND);
  };
  await cutAfter(10 * SECOND);
  await page.time.pass(27 * MINUTE);
  assert.equal(pings(), 3);
  await cutAfter(100 * SECOND);
  await page.time.pass(27 * MINUTE);
  assert.equal(pings(), 6);
  for (let times = 0; times < 5; times++) await cutAfter(50 * SECOND);
  await page.time.pass(27 * MINUTE);
  assert.equal(pings(), 27);
});

test('when the network comes back, a socket is pinged, and what was waiting is retried', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.socket.dead = true;
  page.setVisibility('hidden');
  page.window.dispatchEvent(new Event('online'));
  await page.time.pass(13 * SECOND);
  assert.equal(page.sockets.length, 2);
  const away = opened({ sockets: false, responses: { join: () => [500, {}] } });
  await away.time.pass(10 * MINUTE);
  const { length } = away.requests('join');
  away.window.dispatchEvent(new Event('online'));
  await away.time.pass(SECOND);
  assert.equal(away.requests('join').length, length + 1);
});

test('a listener of a page that fails stops neither the viewer nor the others', async () => {
  const failing = () => { throw new Error('the page’s own'); };
  const reported = [];
  globalThis.reportError = ({ message }) => reported.push(message);
  for (const sockets of [true, false]) {
    const page = opened({ sockets });
    page.session.subscribe({ about: failing, count: failing, state: failing });
    await page.time.pass(FALLEN_BACK + INTERVAL);
    assert.equal(page.requests('heartbeat').length, sockets ? 0 : 1);
    assert.deepEqual(page.counts, sockets ? [1] : [3, 4]);
  }
  delete globalThis.reportError;
  assert.ok(reported.length > 3);
});

test('a join that is never answered is an attempt that failed', async () => {
  const page = opened();
  await settle();
  page.socket.respond = () => {};
  await page.time.pass(20 * SECOND);
  assert.ok(page.sockets[0].closed);
  assert.equal(page.requests('join').length, 1);
});

test('before two hours a new socket takes over, and the old one leaves last', async () => {
  const page = opened();
  await page.time.pass(109 * MINUTE);
  const [old] = page.sockets;
  assert.equal(page.sockets.length, 1);
  await page.time.pass(6 * MINUTE);
  assert.equal(page.sockets.length, 2);
  assert.ok(old.closed);
  assert.equal(page.socket.readyState, 1);
  await page.time.pass(12 * HOUR);
  assert.equal(page.sockets.filter(({ readyState }) => readyState === 1).length, 1);
  assert.deepEqual(page.requests('join'), []);
});

test('too many joins by socket: it waits as long as the error says, and heartbeats are tried meanwhile', async () => {
  const page = opened();
  await settle();
  const error = { code: 'too_many_joins', message: 'Later', room: 'channel:demo', retryAfter: 40 };
  page.socket.respond = () => page.socket.receive({ id: null, event: 'error', data: error });
  await page.time.pass(5 * SECOND);
  assert.equal(page.sockets.length, 1);
  await page.time.pass(5 * SECOND);
  assert.equal(page.requests('join').length, 1);
});

test('milestones are notified once, also those of a moment without a socket, and none that has expired', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  const milestone = (number, expiresAt = instant(600)) => {
    page.socket.receive({ id: `channel:demo/${number}`, event: 'viewers:milestone', expiresAt, data: number });
  };
  milestone(7);
  page.socket.cut();
  await page.time.pass(5 * SECOND);
  assert.equal(page.socket.sent[0].after, 'channel:demo/7');
  milestone(7);
  milestone(8, new Date(0).toISOString());
  milestone(9);
  assert.deepEqual(page.received.milestone, [7, 9]);
});

test('the first milestone is notified, though it falls into a moment without a socket', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.socket.cut();
  await page.time.pass(5 * SECOND);
  assert.equal(page.socket.sent[0].after, 'channel:demo/0');
});

test('a viewer whose last counter was removed does not return with the page', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.stop();
  page.window.dispatchEvent(new Event('pagehide'));
  page.window.dispatchEvent(new Event('pageshow'));
  await page.time.pass(HOUR);
  assert.equal(page.sockets.length, 1);
  assert.equal(page.ended, 1);
});

test('a viewer who leaves the page is removed by a beacon, and returns with the page', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  const [slot] = page.requests('join');
  page.window.dispatchEvent(new Event('pagehide'));
  assert.equal(page.beacons.length, 1);
  const [[url, body]] = page.beacons;
  assert.equal(url, 'https://cairn.test/api/viewer/leave');
  assert.deepEqual([body.channelId, body.viewerId, typeof body.token], ['demo', slot.viewerId, 'string']);
  assert.deepEqual(page.time.pending, []);
  page.accepted = true;
  page.window.dispatchEvent(new Event('pageshow'));
  await page.time.pass(SECOND);
  assert.equal(page.socket.readyState, 1);
  assert.equal(page.requests('channel').length, 1);
});

test('a page with a socket closes it as it is left, and needs no beacon', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.window.dispatchEvent(new Event('pagehide'));
  assert.ok(page.socket.closed);
  assert.deepEqual(page.beacons, []);
});

test('several on a page are one viewer in one tab, until the last one ends', async () => {
  const page = opened({ watching: watch });
  const stop = page.subscribe();
  await page.time.pass(SECOND);
  assert.equal(page.sockets.length, 1);
  page.subscribe();
  assert.deepEqual(page.counts, [1, 1]);
  page.stop();
  stop();
  await page.time.pass(500);
  const again = page.subscribe(); // an element that was moved
  await page.time.pass(MINUTE);
  assert.equal(page.socket.closed, undefined);
  again();
  await page.time.pass(2 * SECOND);
  assert.ok(page.socket.closed);
  assert.deepEqual(page.time.pending, []);
  page.window.dispatchEvent(new Event('pageshow'));
  await page.time.pass(MINUTE);
  assert.equal(page.sockets.length, 1);
});

test('a viewer is the same on the next page, and a new one where storage is forbidden', async () => {
  const first = opened();
  await first.time.pass(SECOND);
  const storage = () => ({ getItem: () => first.stored.get('cairn:viewer'), setItem: assert.fail });
  const second = opened({ storage });
  await second.time.pass(SECOND);
  assert.equal(second.socket.sent[0].viewer, first.socket.sent[0].viewer);
  const forbidden = () => { throw new Error('SecurityError'); };
  for (const broken of [forbidden, () => ({ getItem: () => 'short', setItem() {} })]) {
    const page = opened({ storage: broken });
    await page.time.pass(SECOND);
    assert.match(page.socket.sent[0].viewer, /^[\w-]{22}$/);
    assert.notEqual(page.socket.sent[0].viewer, first.socket.sent[0].viewer);
  }
});

test('an invalid channel is refused without a request', async () => {
  for (const channel of ['', 'a b', 'x'.repeat(101), 'ä', '../admin', '<script>']) {
    assert.equal(isChannelId(channel), false, channel);
    const page = opened({ channel });
    page.window.dispatchEvent(new Event('online'));
    page.setVisibility('visible');
    await page.time.pass(HOUR);
    assert.deepEqual(page.received.state, ['refused']);
    assert.deepEqual(page.calls, []);
    assert.equal(page.stored.size, 0);
  }
  assert.ok(isChannelId('youtube:UC_x-5XG1OV2P6uZZ5FSM9Ttw') && isChannelId('@ada.lovelace~1'));
  assert.equal(isChannelId(null), false);
});

test('the service decides what is a channel', async () => {
  const page = opened({ responses: { channel: () => [400, { error: 'no' }] } });
  await page.time.pass(HOUR);
  assert.deepEqual(page.received.state, ['connecting', 'refused']);
  assert.equal(page.requests('channel').length, 1);
});

test('a page\'s address ends in its channel', () => {
  assert.equal(channelOf('/live/demo'), 'demo');
  assert.equal(channelOf('/embed/youtube%3AUC1'), 'youtube:UC1');
  assert.equal(channelOf('/live/demo/'), 'demo');
  for (const path of ['/live/%', '/live/', '/live', '/live/a/b', '/']) assert.equal(channelOf(path), '', path);
});
