/** What is special about a channel's room in the client library: a viewer, states, joins that have to wait. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, joined, settle } from './harness.mjs';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

test('the viewer of a channel is named at each join', async () => {
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

test('a state has no number and is delivered as it arrives', async () => {
  const { cairn, socket, received } = await joined('channel:demo', 4);
  const state = (data, room = 'channel:demo') => socket.receive({ id: null, event: 'update', room, at: '', data });
  state('seven');
  socket.frame('channel:demo', 6); // waits for event 5
  state('eight');
  state('of another room', 'channel:other');
  assert.deepEqual(received.update, ['seven', 'eight']);
  socket.frame('channel:demo', 5);
  cairn.leave('channel:demo');
  state('nine');
  assert.deepEqual(received.update, ['seven', 'eight', 5, 6]);
});

test('a join that may be repeated later is repeated then', async () => {
  const made = client();
  await settle();
  made.cairn.join('channel:demo');
  const error = { code: 'too_many_joins', message: 'Later', room: 'channel:demo', retryAfter: 20 };
  made.socket.open().receive({ event: 'error', data: error });
  assert.deepEqual(made.received.refused, [error]);
  await made.time.pass(20 * SECOND);
  assert.equal(made.socket.sent.length, 1);
  await made.time.pass(SECOND);
  assert.equal(made.socket.sent.length, 2);
  made.socket.joined('channel:demo', 4);
  assert.equal(made.sockets.length, 1);
  made.socket.frame('channel:demo', 5);
  assert.deepEqual(made.received.update, [5]);
});

test('a room that was left during the wait is not joined', async () => {
  const made = client();
  await settle();
  made.cairn.join('channel:demo');
  made.socket.open().receive({ event: 'error', data: { code: 'too_many_joins', room: 'channel:demo', retryAfter: 20 } });
  made.cairn.leave('channel:demo');
  await made.time.pass(30 * SECOND);
  assert.deepEqual(made.socket.sent.map(({ action }) => action), ['join', 'leave']);
});

test('a takeover that has to wait leaves the old socket in its rooms', async () => {
  const made = await joined('channel:demo', 4);
  const [old] = made.sockets;
  old.respond = ({ action }) => action === 'ping' && old.receive({ id: null, event: 'pong' });
  await made.time.pass(114 * MINUTE);
  const takeover = made.socket;
  takeover.open().receive({ event: 'error', data: { code: 'too_many_joins', room: 'channel:demo', retryAfter: 20 } });
  assert.equal(takeover.closed, true);
  old.frame('channel:demo', 5);
  await made.time.pass(SECOND);
  made.socket.open();
  made.socket.joined('channel:demo', 5, true);
  assert.equal(old.closed, true);
  assert.deepEqual(made.received.update, [5]);
  assert.deepEqual(made.received.state, ['open']);
});
