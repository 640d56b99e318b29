/** What a channel’s room asks of the client library beyond other rooms: a viewer, states, joins that have to wait. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, joined, settle } from './harness.mjs';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

test('who watches a channel is named at each join', async () => {
  const made = client();
  await settle();
  made.cairn.join('channel:demo', { viewer: 'v'.repeat(22) });
  made.socket.open();
  made.socket.joined('channel:demo', 3);
  made.socket.cut();
  await made.time.pass(SECOND);
  made.socket.open();
  const join = { action: 'join', room: 'channel:demo', viewer: 'v'.repeat(22) };
  assert.deepEqual(made.sockets.map(({ sent }) => sent[0]), [join, { ...join, after: 'channel:demo/3' }]);
});

test('how something stands has no number and is handed on as it comes', async () => {
  const { cairn, socket, told } = await joined('channel:demo', 4);
  const stands = (data, room = 'channel:demo') => socket.say({ id: null, event: 'said', room, at: '', data });
  stands('seven');
  socket.frame('channel:demo', 6); // waits for 5
  stands('eight');
  stands('of another room', 'channel:other');
  assert.deepEqual(told.said, ['seven', 'eight']);
  socket.frame('channel:demo', 5);
  cairn.leave('channel:demo');
  stands('nine');
  assert.deepEqual(told.said, ['seven', 'eight', 5, 6]);
});

test('a room that may be asked for later is asked for then', async () => {
  const made = client();
  await settle();
  made.cairn.join('channel:demo');
  const refusal = { code: 'too_many_joins', message: 'Later', room: 'channel:demo', retryAfter: 20 };
  made.socket.open().say({ event: 'error', data: refusal });
  assert.deepEqual(made.told.refused, [refusal]);
  await made.time.pass(20 * SECOND);
  assert.equal(made.socket.sent.length, 1);
  await made.time.pass(SECOND);
  assert.equal(made.socket.sent.length, 2);
  made.socket.joined('channel:demo', 4);
  assert.equal(made.sockets.length, 1);
  made.socket.frame('channel:demo', 5);
  assert.deepEqual(made.told.said, [5]);
});

test('a room that was left while it was waited for is not asked for', async () => {
  const made = client();
  await settle();
  made.cairn.join('channel:demo');
  made.socket.open().say({ event: 'error', data: { code: 'too_many_joins', room: 'channel:demo', retryAfter: 20 } });
  made.cairn.leave('channel:demo');
  await made.time.pass(30 * SECOND);
  assert.deepEqual(made.socket.sent.map(({ action }) => action), ['join', 'leave']);
});

test('a takeover that has to wait leaves the old socket in its rooms', async () => {
  const made = await joined('channel:demo', 4);
  const [old] = made.sockets;
  old.answer = ({ action }) => action === 'ping' && old.say({ id: null, event: 'pong' });
  await made.time.pass(114 * MINUTE);
  const refused = made.socket;
  refused.open().say({ event: 'error', data: { code: 'too_many_joins', room: 'channel:demo', retryAfter: 20 } });
  assert.equal(refused.closed, true);
  old.frame('channel:demo', 5);
  await made.time.pass(SECOND);
  made.socket.open();
  made.socket.joined('channel:demo', 5, true);
  assert.equal(old.closed, true);
  assert.deepEqual(made.told.said, [5]);
  assert.deepEqual(made.told.state, ['open']);
});
