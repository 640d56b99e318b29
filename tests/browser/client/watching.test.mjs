/** What makes somebody a viewer, on a clock of its own: a socket, heartbeats without one, and the way between. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { settle } from './harness.mjs';
import { ABOUT, INTERVAL, counted, instant, opened, stands } from './page.mjs';
import { channelOf, isChannelId, watch } from '../../../web/watching.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const FALLEN_BACK = 10 * SECOND; // surely, whatever the dice say

afterEach(() => {
  for (const { time } of opened.pages.splice(0)) assert.ok(time.pending.length <= 8, `${time.pending.length} timers`);
});

test('who has a socket joins the room once, and sends no heartbeat', async () => {
  const page = opened();
  await page.time.pass(HOUR);
  assert.equal(page.sockets.length, 1);
  const [join] = page.socket.sent;
  assert.deepEqual(join, { action: 'join', room: 'channel:demo', viewer: page.kept.get('cairn:viewer') });
  assert.match(join.viewer, /^[\w-]{22}$/);
  assert.deepEqual(page.calls.map(([name]) => name), ['channel']);
  assert.deepEqual(page.told.state, ['connecting', 'here']);
});

test('the newest count is shown, whichever comes last', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.socket.count(5, 20);
  page.socket.count(4, 10);
  page.socket.count(6, 20);
  assert.deepEqual(page.counts, [1, 5, 6]);
});

test('a count of nobody, made before one came, is not shown to whoever came', async () => {
  const page = opened();
  await settle();
  const data = { last: null, recovered: false, count: counted(0) };
  page.socket.answer = () => page.socket.say({ event: 'joined', data });
  await page.time.pass(SECOND);
  assert.deepEqual(page.counts, []);
});

test('where no socket comes up, heartbeats take over within eight seconds', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(5 * SECOND);
  assert.deepEqual(page.said('join'), []);
  await page.time.pass(4 * SECOND);
  assert.deepEqual(page.said('join'), [{ channelId: 'demo', viewerId: page.kept.get('cairn:viewer') }]);
  assert.deepEqual(page.counts, [3]);
  await page.time.pass(5 * MINUTE);
  assert.equal(page.said('join').length, 1);
  assert.equal(page.said('heartbeat').length, 10);
  assert.match(page.said('heartbeat')[0].token, /^0\./);
});

test('between two heartbeats the count is looked at every ten seconds', async () => {
  const page = opened({ sockets: false, answers: { count: () => [200, counted(7, page.time.now / SECOND)] } });
  await page.time.pass(FALLEN_BACK);
  assert.deepEqual(page.counts, [3]);
  await page.time.pass(11 * SECOND);
  assert.deepEqual(page.counts, [3, 7]);
  assert.deepEqual([page.told.count[1].connections, page.told.count[1].window], [7, 60]);
  await page.time.pass(5 * MINUTE);
  assert.ok(Math.abs(page.said('count').length - 31) <= 1, `${page.said('count').length} looks`);
  page.look('hidden');
  const { length } = page.calls;
  await page.time.pass(HOUR);
  assert.equal(page.calls.length, length);
});

test('a socket that a policy forbids is one that does not come up', async () => {
  const page = opened({ WebSocket: class { constructor() { throw new Error('SecurityError'); } } });
  await page.time.pass(FALLEN_BACK);
  assert.equal(page.said('join').length, 1);
});

test('heartbeats bring the count too', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK + INTERVAL);
  assert.deepEqual(page.counts, [3, 4]);
});

test('nothing goes by HTTP while nobody looks; what is overdue goes at once when somebody does', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  page.look('hidden');
  const { length } = page.calls;
  await page.time.pass(HOUR);
  assert.equal(page.calls.length, length);
  page.look('visible');
  await page.time.pass(1);
  assert.equal(page.said('heartbeat').length, 1);
});

test('a heartbeat that is not due yet waits for its time, however often the page is looked at', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  for (let times = 0; times < 5; times++) {
    page.look('hidden');
    await page.time.pass(SECOND);
    page.look('visible');
  }
  assert.equal(page.said('heartbeat').length, 0);
  await page.time.pass(INTERVAL);
  assert.equal(page.said('heartbeat').length, 1);
});

test('a page that nobody has looked at yet watches nothing', async () => {
  const page = opened({ hidden: true });
  await page.time.pass(HOUR);
  assert.deepEqual(page.calls, []);
  assert.equal(page.kept.size, 0);
  page.look('visible');
  await page.time.pass(SECOND);
  assert.deepEqual(page.counts, [1]);
});

test('who is not here any more joins again, at once and once', async () => {
  for (const status of [404, 403]) {
    const page = opened({ sockets: false });
    await page.time.pass(FALLEN_BACK);
    page.answers.heartbeat = () => [status, {}];
    await page.time.pass(INTERVAL);
    assert.equal(page.said('join').length, 2);
    page.answers.heartbeat = () => [200, stands(4)];
    await page.time.pass(MINUTE);
    assert.equal(page.said('join').length, 2);
    assert.notEqual(page.said('heartbeat').at(-1).token, page.said('heartbeat')[0].token);
  }
});

test('who is told to come later does, and sees the count meanwhile', async () => {
  const page = opened({ sockets: false, answers: { count: () => [200, counted(9)] } });
  page.answers.join = () => [429, {}, { 'Retry-After': '42' }];
  await page.time.pass(FALLEN_BACK + 12 * SECOND);
  assert.deepEqual(page.counts, [9]);
  await page.time.pass(18 * SECOND);
  assert.equal(page.said('join').length, 1);
  assert.equal(page.told.state.at(-1), 'here');
  await page.time.pass(13 * SECOND);
  assert.equal(page.said('join').length, 2);
});

test('failures back off, and the service counts as away until it answers', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  for (const what of ['join', 'heartbeat', 'count']) page.answers[what] = () => { throw new TypeError('No network'); };
  await page.time.pass(INTERVAL);
  assert.equal(page.told.state.at(-1), 'away');
  const before = page.calls.length;
  await page.time.pass(10 * MINUTE);
  assert.ok(page.said('heartbeat').length <= 20);
  assert.ok(page.calls.length - before <= 35, `${page.calls.length - before} calls`);
  page.answers.heartbeat = () => [200, stands(8)];
  await page.time.pass(MINUTE);
  assert.equal(page.told.state.at(-1), 'here');
  assert.equal(page.counts.at(-1), 8);
});

test('a page that nobody looks at asks nothing of a service that is away', async () => {
  const page = opened({ answers: { channel: () => [503, {}] } });
  await page.time.pass(SECOND);
  page.look('hidden');
  await page.time.pass(MINUTE);
  const { length } = page.calls;
  page.answers.channel = () => [200, ABOUT];
  await page.time.pass(HOUR);
  assert.equal(page.calls.length, length);
  assert.equal(page.sockets.length, 0);
  page.look('visible');
  await page.time.pass(SECOND);
  assert.deepEqual(page.counts, [1]);
});

test('where no socket comes up, one is tried every two minutes or so', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  const { length } = page.sockets;
  await page.time.pass(HOUR);
  assert.ok(Math.abs(page.sockets.length - length - 30) <= 1, `${page.sockets.length - length} attempts`);
});

test('while a join is under way no second one is sent, however often the page is looked at', async () => {
  let answer;
  const page = opened({ sockets: false, answers: { join: () => new Promise((resolve) => { answer = resolve; }) } });
  await page.time.pass(FALLEN_BACK);
  page.look('hidden');
  page.look('visible');
  await page.time.pass(SECOND);
  assert.equal(page.said('join').length, 1);
  answer([200, { viewerId: 'v', token: '0.t', ...stands(2) }]);
  await page.time.pass(INTERVAL);
  assert.deepEqual(page.said('heartbeat'), [{ channelId: 'demo', viewerId: 'v', token: '0.t' }]);
});

test('who goes before the first answer leaves nothing behind', async () => {
  let answer;
  const page = opened({ answers: { channel: () => new Promise((resolve) => { answer = resolve; }) } });
  await settle();
  page.window.dispatchEvent(new Event('pagehide'));
  answer([200, ABOUT]);
  await page.time.pass(HOUR);
  assert.equal(page.sockets.length, 0);
  assert.deepEqual(page.time.pending, []);
});

test('a service that is away from the start is asked again until it answers', async () => {
  const page = opened({ answers: { channel: () => [503, {}] } });
  await page.time.pass(5 * MINUTE);
  assert.equal(page.told.state.at(-1), 'away');
  assert.ok(page.said('channel').length < 12);
  page.answers.channel = () => [200, ABOUT];
  page.window.dispatchEvent(new Event('online'));
  await page.time.pass(SECOND);
  assert.deepEqual(page.counts, [1]);
});

test('a socket that opens later takes over, and the heartbeats end only then', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  page.accepted = true;
  page.answers.leave = () => {
    assert.equal(page.socket.sent[0].action, 'join');
    return [204];
  };
  await page.time.pass(3 * MINUTE);
  assert.deepEqual(page.said('leave').map(({ token }) => token), [page.said('heartbeat')[0].token]);
  const beats = page.said('heartbeat').length;
  const looks = page.said('count').length;
  await page.time.pass(HOUR);
  assert.equal(page.said('heartbeat').length, beats);
  assert.equal(page.said('count').length, looks);
  assert.equal(page.sockets.filter(({ readyState }) => readyState === 1).length, 1);
});

test('a join whose answer comes after the socket is taken back', async () => {
  let answer;
  const page = opened({ sockets: false });
  page.answers.join = () => new Promise((resolve) => { answer = resolve; });
  await page.time.pass(FALLEN_BACK);
  page.accepted = true;
  page.window.dispatchEvent(new Event('online'));
  await page.time.pass(SECOND);
  answer([200, { viewerId: 'v', token: '0.late', ...stands(2) }]);
  await page.time.pass(HOUR);
  assert.deepEqual(page.said('leave'), [{ channelId: 'demo', viewerId: 'v', token: '0.late' }]);
  assert.equal(page.said('heartbeat').length, 0);
});

test('a socket that is cut is made anew before any heartbeat is needed', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.socket.cut();
  await page.time.pass(HOUR);
  assert.equal(page.sockets.length, 2);
  assert.deepEqual(page.said('join'), []);
  assert.deepEqual(page.told.state, ['connecting', 'here']);
});

test('cuts one after another are answered less and less often, and afresh after a minute that went well', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  const answered = async (wait) => {
    const { length } = page.sockets;
    page.socket.cut();
    await page.time.pass(wait * SECOND - 1);
    assert.equal(page.sockets.length, length);
    await page.time.pass(100);
    assert.equal(page.socket.readyState, 1);
  };
  for (const wait of [1.5, 3, 6]) await answered(wait);
  await page.time.pass(61 * SECOND);
  await answered(1.5);
});

test('attempts of a hidden page go on by socket, and back off', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.look('hidden');
  page.accepted = false;
  page.socket.cut();
  await page.time.pass(HOUR);
  assert.deepEqual(page.said('join'), []);
  assert.ok(page.sockets.length > 10 && page.sockets.length < 100, `${page.sockets.length} attempts`);
  page.accepted = true;
  page.look('visible');
  await page.time.pass(SECOND);
  assert.equal(page.socket.readyState, 1);
});

test('a socket that died in silence is found out by a ping, every five minutes and when looked at', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.socket.dead = true;
  page.look('visible');
  await page.time.pass(13 * SECOND);
  assert.equal(page.sockets.length, 2);
  await page.time.pass(HOUR);
  assert.equal(page.socket.sent.filter(({ action }) => action === 'ping').length, 12);
  assert.equal(page.sockets.length, 2);
});

test('when the network comes back, a socket is asked whether it lives, and what was put off is tried', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.socket.dead = true;
  page.look('hidden');
  page.window.dispatchEvent(new Event('online'));
  await page.time.pass(13 * SECOND);
  assert.equal(page.sockets.length, 2);
  const away = opened({ sockets: false, answers: { join: () => [500, {}] } });
  await away.time.pass(10 * MINUTE);
  const { length } = away.said('join');
  away.window.dispatchEvent(new Event('online'));
  await away.time.pass(SECOND);
  assert.equal(away.said('join').length, length + 1);
});

test('a listener of a page that fails stops neither the viewer nor the others', async () => {
  const failing = () => { throw new Error('the page’s own'); };
  const reported = [];
  globalThis.reportError = ({ message }) => reported.push(message);
  for (const sockets of [true, false]) {
    const page = opened({ sockets });
    page.watching.hear({ about: failing, count: failing, state: failing });
    await page.time.pass(FALLEN_BACK + INTERVAL);
    assert.equal(page.said('heartbeat').length, sockets ? 0 : 1);
    assert.deepEqual(page.counts, sockets ? [1] : [3, 4]);
  }
  delete globalThis.reportError;
  assert.ok(reported.length > 3);
});

test('a join that is never answered is an attempt that failed', async () => {
  const page = opened();
  await settle();
  page.socket.answer = () => {};
  await page.time.pass(20 * SECOND);
  assert.ok(page.sockets[0].closed);
  assert.equal(page.said('join').length, 1);
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
  assert.deepEqual(page.said('join'), []);
});

test('too many joins by socket: it waits as long as it is told, and the heartbeats are asked meanwhile', async () => {
  const page = opened();
  await settle();
  const refusal = { code: 'too_many_joins', message: 'Later', room: 'channel:demo', retryAfter: 40 };
  page.socket.answer = () => page.socket.say({ id: null, event: 'error', data: refusal });
  await page.time.pass(5 * SECOND);
  assert.equal(page.sockets.length, 1);
  await page.time.pass(5 * SECOND);
  assert.equal(page.said('join').length, 1);
});

test('milestones are told once, also those of a moment without a socket, and none that is over', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  const milestone = (number, expiresAt = instant(600)) => {
    page.socket.say({ id: `channel:demo/${number}`, event: 'viewers:milestone', expiresAt, data: number });
  };
  milestone(7);
  page.socket.cut();
  await page.time.pass(5 * SECOND);
  assert.equal(page.socket.sent[0].after, 'channel:demo/7');
  milestone(7);
  milestone(8, new Date(0).toISOString());
  milestone(9);
  assert.deepEqual(page.told.milestone, [7, 9]);
});

test('the first milestone is told, though it falls into a moment without a socket', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.socket.cut();
  await page.time.pass(5 * SECOND);
  assert.equal(page.socket.sent[0].after, 'channel:demo/0');
});

test('who goes with the last counter of a page is not back when the page is', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.stop();
  page.window.dispatchEvent(new Event('pagehide'));
  page.window.dispatchEvent(new Event('pageshow'));
  await page.time.pass(HOUR);
  assert.equal(page.sockets.length, 1);
  assert.equal(page.ended, 1);
});

test('who leaves the page is taken out by a beacon, and is back when the page is', async () => {
  const page = opened({ sockets: false });
  await page.time.pass(FALLEN_BACK);
  const [seat] = page.said('join');
  page.window.dispatchEvent(new Event('pagehide'));
  assert.equal(page.beacons.length, 1);
  const [[url, body]] = page.beacons;
  assert.equal(url, 'https://cairn.test/api/viewer/leave');
  assert.deepEqual([body.channelId, body.viewerId, typeof body.token], ['demo', seat.viewerId, 'string']);
  assert.deepEqual(page.time.pending, []);
  page.accepted = true;
  page.window.dispatchEvent(new Event('pageshow'));
  await page.time.pass(SECOND);
  assert.equal(page.socket.readyState, 1);
  assert.equal(page.said('channel').length, 1);
});

test('a page with a socket closes it as it goes, and needs no beacon', async () => {
  const page = opened();
  await page.time.pass(SECOND);
  page.window.dispatchEvent(new Event('pagehide'));
  assert.ok(page.socket.closed);
  assert.deepEqual(page.beacons, []);
});

test('several on a page are one viewer in one tab, until the last one ends', async () => {
  const page = opened({ watching: watch });
  const stop = page.hear();
  await page.time.pass(SECOND);
  assert.equal(page.sockets.length, 1);
  page.hear();
  assert.deepEqual(page.counts, [1, 1]);
  page.stop();
  stop();
  await page.time.pass(500);
  const again = page.hear(); // an element that was moved
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

test('a viewer is the same on the next page, and a stranger where nothing may be kept', async () => {
  const first = opened();
  await first.time.pass(SECOND);
  const storage = () => ({ getItem: () => first.kept.get('cairn:viewer'), setItem: assert.fail });
  const second = opened({ storage });
  await second.time.pass(SECOND);
  assert.equal(second.socket.sent[0].viewer, first.socket.sent[0].viewer);
  const forbidden = () => { throw new Error('SecurityError'); };
  for (const useless of [forbidden, () => ({ getItem: () => 'short', setItem() {} })]) {
    const page = opened({ storage: useless });
    await page.time.pass(SECOND);
    assert.match(page.socket.sent[0].viewer, /^[\w-]{22}$/);
    assert.notEqual(page.socket.sent[0].viewer, first.socket.sent[0].viewer);
  }
});

test('what is no channel is refused without a question', async () => {
  for (const channel of ['', 'a b', 'x'.repeat(101), 'ä', '../admin', '<script>']) {
    assert.equal(isChannelId(channel), false, channel);
    const page = opened({ channel });
    page.window.dispatchEvent(new Event('online'));
    page.look('visible');
    await page.time.pass(HOUR);
    assert.deepEqual(page.told.state, ['refused']);
    assert.deepEqual(page.calls, []);
    assert.equal(page.kept.size, 0);
  }
  assert.ok(isChannelId('youtube:UC_x-5XG1OV2P6uZZ5FSM9Ttw') && isChannelId('@ada.lovelace~1'));
  assert.equal(isChannelId(null), false);
});

test('the service has the last word on what is a channel', async () => {
  const page = opened({ answers: { channel: () => [400, { error: 'no' }] } });
  await page.time.pass(HOUR);
  assert.deepEqual(page.told.state, ['connecting', 'refused']);
  assert.equal(page.said('channel').length, 1);
});

test('a page\'s address ends in its channel', () => {
  assert.equal(channelOf('/live/demo'), 'demo');
  assert.equal(channelOf('/embed/youtube%3AUC1'), 'youtube:UC1');
  assert.equal(channelOf('/live/demo/'), 'demo');
  for (const path of ['/live/%', '/live/', '/live', '/live/a/b', '/']) assert.equal(channelOf(path), '', path);
});
