/** The guarantees of the client library, on a simulated clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Time, client, joined, settle } from './harness.mjs';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** A server that keeps a room's events and replays them; the test cuts its sockets. */
function room(name, sockets) {
  const events = [];
  return {
    events,
    serve(socket) {
      socket.respond = ({ action, after }) => {
        if (action !== 'join') return;
        const from = after ? Number(after.split('/').at(-1)) : events.length;
        for (const number of events.slice(from)) socket.frame(name, number);
        socket.joined(name, events.length, Boolean(after));
      };
    },
    publish() {
      events.push(events.length + 1);
      for (const socket of sockets) if (socket.readyState === 1) socket.frame(name, events.length);
    },
  };
}

test('a room is joined once the socket is open, and its events are handed on', async () => {
  const { socket, received } = await joined();
  assert.deepEqual(socket.sent, [{ action: 'join', room: 'tv-display' }]);
  socket.frame('tv-display', 5);
  assert.deepEqual(received.update, [5]);
});

test('an event just before the response to the join is not lost', async () => {
  const { socket, received } = await joined('tv-display', 4);
  socket.frame('tv-display', 4);
  socket.frame('tv-display', 5);
  assert.deepEqual(received.update, [4, 5]);
});

test('after a cut the room is joined from the last event received', async () => {
  const made = await joined();
  made.socket.frame('tv-display', 5);
  made.socket.cut();
  await made.time.pass(SECOND);
  made.socket.open();
  assert.deepEqual(made.socket.sent, [{ action: 'join', room: 'tv-display', after: 'tv-display/5' }]);
});

test('replayed and live events come in order, each once, however they are mixed', async () => {
  const made = await joined();
  made.socket.frame('tv-display', 5);
  made.socket.cut();
  await made.time.pass(SECOND);
  const { socket, received } = made;
  socket.open();
  for (const number of [9, 6, 8, 7, 6, 8]) socket.frame('tv-display', number);
  socket.joined('tv-display', 8, true);
  socket.frame('tv-display', 9);
  socket.frame('tv-display', 10);
  assert.deepEqual(received.update, [5, 6, 7, 8, 9, 10]);
  assert.deepEqual(received.gap, []);
});

test('an event that overtook its predecessor waits until the predecessor has been requested', async () => {
  const { socket, received } = await joined();
  socket.frame('tv-display', 6);
  assert.deepEqual(received.update, []);
  assert.deepEqual(socket.sent.at(-1), { action: 'join', room: 'tv-display', after: 'tv-display/4' });
  socket.frame('tv-display', 5);
  socket.frame('tv-display', 6);
  socket.joined('tv-display', 6, true);
  assert.deepEqual(received.update, [5, 6]);
});

test('a replay that lost an event on the way is requested once more', async () => {
  const made = await joined();
  made.socket.cut();
  await made.time.pass(SECOND);
  const { socket, received } = made;
  socket.open().frame('tv-display', 6);
  socket.joined('tv-display', 6, true);
  assert.deepEqual(received.update, []);
  assert.equal(socket.sent.length, 2);
  socket.frame('tv-display', 5);
  socket.frame('tv-display', 6);
  socket.joined('tv-display', 6, true);
  assert.deepEqual(received.update, [5, 6]);
  assert.deepEqual(received.gap, []);
});

test('an event that stays missing is requested once, reported as a gap, and holds nothing up', async () => {
  const made = await joined();
  made.socket.cut();
  await made.time.pass(SECOND);
  const { socket, received } = made;
  socket.open();
  for (let times = 0; times < 2; times++) {
    socket.frame('tv-display', 6);
    socket.joined('tv-display', 6, true);
  }
  assert.deepEqual(received.update, [6]);
  assert.deepEqual(received.gap, [{ room: 'tv-display', after: 'tv-display/4' }]);
  assert.equal(socket.sent.length, 2);
  socket.frame('tv-display', 9); // the next hole is requested again
  assert.deepEqual(socket.sent[2], { action: 'join', room: 'tv-display', after: 'tv-display/6' });
});

test('what the server no longer keeps is reported as a gap, before what it still has', async () => {
  const made = await joined();
  const order = [];
  made.cairn.on('gap', () => order.push('gap'));
  made.cairn.on('update', ({ data }) => order.push(data));
  made.socket.cut();
  await made.time.pass(SECOND);
  made.socket.open();
  for (const number of [90, 91]) made.socket.frame('tv-display', number);
  made.socket.joined('tv-display', 91, false);
  assert.deepEqual(order, ['gap', 90, 91]);
  assert.deepEqual(made.received.gap, [{ room: 'tv-display', after: 'tv-display/4' }]);
});

test('a room whose numbering restarted is followed from its new beginning', async () => {
  const made = await joined('tv-display', 57);
  made.socket.cut();
  await made.time.pass(SECOND);
  made.socket.open().joined('tv-display', 2, false);
  made.socket.frame('tv-display', 3);
  assert.deepEqual(made.received.update, [3]);
  assert.equal(made.received.gap.length, 1);
});

test('of the events to everyone only the newest counts, and nothing is requested again', async () => {
  const made = await joined('everyone', 1700);
  made.socket.frame('everyone', 1795);
  made.socket.frame('everyone', 1790);
  made.socket.frame('everyone', 1799);
  made.socket.cut();
  await made.time.pass(SECOND);
  made.socket.open();
  assert.deepEqual(made.received.update, [1795, 1799]);
  assert.deepEqual(made.socket.sent, [{ action: 'join', room: 'everyone' }]);
});

test('whatever is cut, when and how often: every event, in order, once', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    let state = seed * 7919;
    const random = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    const made = client({ random });
    const server = room('tv-display', made.sockets);
    made.cairn.join('tv-display', { after: 'tv-display/0' });
    for (let step = 0; step < 300; step++) {
      const socket = made.socket;
      const dice = random();
      if (dice < 0.45) server.publish();
      else if (dice < 0.5 && server.events.length) socket?.frame('tv-display', 1 + Math.floor(random() * server.events.length));
      else if (dice < 0.56) made.sockets.find(({ readyState }) => readyState === 1)?.cut();
      else if (dice < 0.62) { server.events.push(server.events.length + 1); } // a frame that is lost
      else if (dice < 0.7) await made.time.pass(random() * 119 * MINUTE);
      else await made.time.pass(random() * SECOND);
      for (const fresh of made.sockets.filter(({ readyState, respond }) => readyState === 0 && !respond)) {
        server.serve(fresh);
        if (random() < 0.2) fresh.cut();
        else fresh.open();
      }
    }
    for (const socket of made.sockets) socket.cut();
    while (made.socket.readyState !== 0) await made.time.pass(SECOND);
    server.serve(made.socket);
    made.socket.open();
    assert.deepEqual(made.received.update, server.events, `seed ${seed}`);
    assert.deepEqual(made.received.gap, [], `seed ${seed}`);
  }
});

test('attempts back off with full jitter, up to half a minute', async () => {
  for (const chance of [0, 0.5, 0.999]) {
    const made = client({ random: () => chance });
    await settle();
    for (const most of [1, 2, 4, 8, 16, 30, 30, 30]) {
      made.socket.cut();
      assert.deepEqual(made.received.state.at(-1), 'waiting');
      assert.equal(made.time.pending.at(-1), chance * most * SECOND);
      await made.time.pass(chance * most * SECOND);
    }
  }
});

test('the back-off starts afresh after a minute that went well, and not before', async () => {
  const made = client();
  await settle();
  for (const wait of [0.5, 1, 2]) {
    made.socket.cut();
    await made.time.pass(wait * SECOND);
  }
  made.socket.open();
  await made.time.pass(59 * SECOND);
  made.socket.cut();
  assert.deepEqual(made.time.pending, [4 * SECOND]);
  await made.time.pass(4 * SECOND);
  made.socket.open();
  await made.time.pass(61 * SECOND);
  made.socket.cut();
  assert.deepEqual(made.time.pending, [0.5 * SECOND]);
});

test('an attempt that hangs is given up', async () => {
  const hanging = client();
  await hanging.time.pass(16 * SECOND);
  assert.equal(hanging.sockets[0].closed, true);
  assert.equal(hanging.sockets.length, 2);
  const silent = client({ ticket: () => new Promise(() => {}) });
  await silent.time.pass(14 * SECOND);
  assert.equal(silent.cairn.state, 'connecting');
  await silent.time.pass(1 * SECOND);
  assert.equal(silent.cairn.state, 'waiting');
});

test('a join that is never answered is an attempt that hangs', async () => {
  const made = client();
  await settle();
  made.socket.open();
  made.cairn.join('tv-display');
  await made.time.pass(16 * SECOND);
  assert.equal(made.sockets[0].closed, true);
});

test('no ten minutes pass without a ping, and a missing pong ends the connection', async () => {
  const { socket, sockets, received, time } = await joined();
  socket.respond = ({ action }) => action === 'ping' && socket.receive({ id: null, event: 'pong' });
  await time.pass(63 * MINUTE);
  assert.equal(socket.sent.filter(({ action }) => action === 'ping').length, 7);
  assert.deepEqual(received.state, ['open']);
  socket.respond = null;
  await time.pass(9 * MINUTE + 9 * SECOND);
  assert.equal(socket.closed, undefined);
  await time.pass(1 * SECOND);
  assert.equal(socket.closed, true);
  assert.equal(received.state.at(-1), 'waiting');
  await time.pass(SECOND);
  assert.equal(sockets.length, 2);
});

test('a socket that hears something is not silent, and needs no ping', async () => {
  const { socket, time } = await joined();
  for (let number = 5; number < 25; number++) {
    socket.frame('tv-display', number);
    await time.pass(8 * MINUTE / 2);
  }
  assert.equal(socket.sent.filter(({ action }) => action === 'ping').length, 0);
});

/** A client whose sockets are cut by a proxy, with or without a word, once they have been silent for so long. */
async function behindProxy(cutAfter, { silently = false } = {}) {
  const time = new Time();
  const accept = (socket) => {
    let timer;
    const quiet = () => {
      time.clear(timer);
      timer = time.set(() => { if (silently) socket.respond = null; else socket.cut(); }, cutAfter);
    };
    socket.open();
    socket.respond = ({ action, room }) => {
      quiet();
      if (action === 'ping') socket.receive({ id: null, event: 'pong' });
      else socket.joined(room, 4, false);
    };
    quiet();
    for (const { action, room } of socket.sent) if (action === 'join') socket.joined(room, 4, false);
  };
  const made = client({ time, accept });
  made.cairn.join('tv-display');
  await time.pass(SECOND);
  return made;
}

for (const silently of [false, true]) {
  test(`where a proxy cuts after 100 seconds${silently ? ' without a word' : ''}, pings soon come often enough`, async () => {
    const made = await behindProxy(100 * SECOND, { silently });
    await made.time.pass(30 * MINUTE);
    const { length } = made.sockets;
    assert.ok(length <= 6, `${length} sockets`);
    await made.time.pass(60 * MINUTE);
    assert.equal(made.sockets.length, length);
    made.cairn.close();
  });
}

test('a cut just after a frame, or after a long sleep, is no reason to ping more often', async () => {
  const made = await joined();
  const pong = ({ action }) => action === 'ping' && made.socket.receive({ id: null, event: 'pong' });
  made.socket.frame('tv-display', 5);
  await made.time.pass(10 * SECOND);
  made.socket.cut();
  await made.time.pass(SECOND);
  made.socket.open();
  made.socket.joined('tv-display', 5, true);
  made.time.now += 60 * MINUTE; // no timer of a machine that sleeps runs
  made.socket.cut();
  await made.time.pass(SECOND);
  made.socket.open();
  made.socket.joined('tv-display', 5, true);
  made.socket.respond = pong;
  await made.time.pass(27 * MINUTE);
  assert.equal(made.socket.sent.filter(({ action }) => action === 'ping').length, 3);
});

test('one pong answers several pings, and a ping that is repeated gives a dead connection no more time', async () => {
  const { socket, sockets, time, window } = await joined();
  const ping = () => window.dispatchEvent(new Event('online'));
  ping();
  await time.pass(SECOND);
  ping();
  socket.receive({ id: null, event: 'pong' });
  await time.pass(30 * SECOND);
  assert.equal(socket.closed, undefined);
  assert.equal(sockets.length, 1);
  ping();
  await time.pass(9 * SECOND);
  ping();
  await time.pass(SECOND);
  assert.equal(socket.closed, true);
});

test('before two hours a new socket takes over, and nothing flickers', async () => {
  for (const chance of [0, 0.5, 1]) {
    const made = await joined('tv-display', 4, { random: () => chance });
    const [old] = made.sockets;
    old.respond = ({ action }) => action === 'ping' && old.receive({ id: null, event: 'pong' });
    await made.time.pass(110 * MINUTE - SECOND);
    assert.equal(made.sockets.length, 1);
    await made.time.pass(8 * MINUTE * chance + SECOND);
    assert.equal(made.sockets.length, 2);
    made.socket.open();
    old.frame('tv-display', 5); // both sockets receive it
    made.socket.frame('tv-display', 5);
    made.socket.frame('tv-display', 6);
    assert.equal(old.closed, undefined);
    made.socket.joined('tv-display', 6, true);
    assert.equal(old.closed, true);
    made.socket.frame('tv-display', 7);
    assert.deepEqual(made.received.update, [5, 6, 7]);
    assert.deepEqual(made.received.state, ['open']);
    assert.equal(made.cairn.state, 'open');
  }
});

test('when the takeover fails the old socket stays, and the next attempt backs off', async () => {
  const made = await joined('tv-display', 4);
  const [old] = made.sockets;
  old.respond = ({ action }) => action === 'ping' && old.receive({ id: null, event: 'pong' });
  await made.time.pass(114 * MINUTE);
  made.socket.cut();
  assert.equal(made.cairn.state, 'open');
  old.frame('tv-display', 5);
  await made.time.pass(0.5 * SECOND);
  assert.equal(made.sockets.length, 3);
  old.cut();
  assert.equal(made.cairn.state, 'connecting');
  made.socket.open();
  made.socket.joined('tv-display', 5, true);
  assert.equal(made.cairn.state, 'open');
  assert.deepEqual(made.received.update, [5]);
});

test('a takeover that has to wait gives its new socket up, and the old one stays in the room', async () => {
  const made = await joined('tv-display', 4);
  const [old] = made.sockets;
  old.respond = ({ action }) => action === 'ping' && old.receive({ id: null, event: 'pong' });
  await made.time.pass(114 * MINUTE);
  const refused = made.socket.open();
  refused.receive({ event: 'error', data: { code: 'too_many_joins', room: 'tv-display', retryAfter: 20 } });
  assert.equal(refused.closed, true);
  assert.equal(old.closed, undefined);
  old.frame('tv-display', 5);
  await made.time.pass(SECOND);
  assert.equal(made.sockets.length, 3);
  made.socket.open();
  assert.deepEqual(made.socket.sent, [{ action: 'join', room: 'tv-display', after: 'tv-display/5' }]);
  made.socket.joined('tv-display', 5, true);
  assert.equal(old.closed, true);
  assert.deepEqual(made.received.update, [5]);
  assert.deepEqual(made.received.state, ['open']);
});

test('every connection has a ticket of its own', async () => {
  let number = 0;
  const made = client({ ticket: async () => `t&${++number}` });
  await settle();
  assert.equal(made.socket.url, 'wss://cairn.test/live?ticket=t%261');
  made.socket.open().cut();
  await made.time.pass(SECOND);
  assert.equal(made.socket.url, 'wss://cairn.test/live?ticket=t%262');
});

test('being signed out is reported once, and no attempt is made until requested', async () => {
  for (const ticket of [async () => null, async () => { throw Object.assign(new Error(), { status: 401 }); }]) {
    let getTicket = ticket;
    const made = client({ ticket: () => getTicket() });
    await made.time.pass(60 * MINUTE);
    assert.equal(made.cairn.state, 'signedout');
    assert.equal(made.received.signedout.length, 1);
    assert.equal(made.sockets.length, 0);
    getTicket = async () => 'fresh';
    made.cairn.reconnect();
    await settle();
    assert.equal(made.sockets.length, 1);
  }
});

test('a session that is ended stops the client at once, and sign-in is asked for', async () => {
  let ticket = 'first';
  const made = client({ ticket: async () => ticket });
  await settle();
  made.cairn.join('tv-display');
  made.socket.open();
  made.socket.joined('tv-display', 4);
  ticket = null;
  made.socket.receive({ id: null, event: 'signed-out', room: null, at: '', data: {} });
  await settle();
  assert.equal(made.cairn.state, 'signedout');
  assert.equal(made.received.signedout.length, 1);
  assert.ok(made.socket.closed);
  await made.time.pass(10 * 60_000);
  assert.equal(made.sockets.length, 1, 'no further attempt');
});

test('a session that goes on with another ticket reconnects at once and resumes', async () => {
  let number = 0;
  const made = client({ ticket: async () => `t${++number}` });
  await settle();
  made.cairn.join('tv-display');
  made.socket.open();
  made.socket.joined('tv-display', 4);
  made.socket.receive({ id: null, event: 'signed-out', room: null, at: '', data: {} });
  await settle();
  assert.equal(made.sockets.length, 2);
  made.socket.open();
  assert.deepEqual(made.socket.sent.at(-1), { action: 'join', room: 'tv-display', after: 'tv-display/4' });
  assert.deepEqual(made.received.signedout, []);
});

test('an API that is down is no reason to think that somebody signed out', async () => {
  let down = true;
  const made = client({ ticket: async () => { if (down) throw new TypeError('Failed to fetch'); return 'fresh'; } });
  await made.time.pass(MINUTE);
  assert.deepEqual(made.received.signedout, []);
  down = false;
  await made.time.pass(30 * SECOND);
  assert.equal(made.sockets.length, 1);
});

test('when the network comes back the next attempt is made within a second', async () => {
  const made = client();
  await settle();
  for (let times = 0; times < 6; times++) {
    made.socket.cut();
    await made.time.pass(30 * SECOND);
  }
  made.socket.cut();
  const before = made.sockets.length;
  made.window.dispatchEvent(new Event('online'));
  await made.time.pass(SECOND);
  assert.equal(made.sockets.length, before + 1);
});

test('a page that becomes visible again checks that its connection is alive', async () => {
  const made = await joined();
  made.window.document.visibilityState = 'hidden';
  made.window.document.dispatchEvent(new Event('visibilitychange'));
  assert.deepEqual(made.socket.sent.map(({ action }) => action), ['join']);
  made.window.document.visibilityState = 'visible';
  made.window.document.dispatchEvent(new Event('visibilitychange'));
  assert.deepEqual(made.socket.sent.map(({ action }) => action), ['join', 'ping']);
});

test('a rejected join is reported and not repeated', async () => {
  const made = client();
  await settle();
  made.cairn.join('user:2');
  made.socket.open().receive({ event: 'error', data: { code: 'forbidden', message: 'Not yours', room: 'user:2' } });
  assert.deepEqual(made.received.refused, [{ code: 'forbidden', message: 'Not yours', room: 'user:2' }]);
  made.socket.cut();
  await made.time.pass(SECOND);
  made.socket.open();
  assert.deepEqual(made.socket.sent, []);
});

test('a room that was left is silent', async () => {
  const { cairn, socket, received } = await joined();
  cairn.leave('tv-display');
  socket.frame('tv-display', 5);
  assert.deepEqual(socket.sent.at(-1), { action: 'leave', room: 'tv-display' });
  assert.deepEqual(received.update, []);
});

test('a reloaded page resumes where it was', async () => {
  const kept = new Map();
  const storage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
  const first = await joined('tv-display', 4, { storage });
  first.socket.frame('tv-display', 5);
  first.cairn.close();
  const second = await joined('tv-display', 5, { storage });
  assert.deepEqual(second.socket.sent, [{ action: 'join', room: 'tv-display', after: 'tv-display/5' }]);
  second.cairn.leave('tv-display');
  assert.equal(kept.size, 0);
});

test('forbidden storage and invalid frames disturb nothing', async () => {
  const forbidden = () => { throw new Error('SecurityError'); };
  const { socket, received } = await joined('tv-display', 4, { storage: { getItem: forbidden, setItem: forbidden } });
  socket.onmessage({ data: '<html>' });
  socket.receive(null);
  socket.receive({ message: 'Internal server error', requestId: 'x' });
  socket.frame('tv-display', 5);
  assert.deepEqual(received.update, [5]);
});

test('a listener that fails does not affect the others', async () => {
  const failures = [];
  globalThis.reportError = (error) => failures.push(error.message);
  const { cairn, socket, received } = await joined('tv-display', 4);
  const off = cairn.on('update', () => { throw new Error('mine'); });
  const later = [];
  cairn.on('update', ({ data }) => later.push(data));
  socket.frame('tv-display', 5);
  off();
  socket.frame('tv-display', 6);
  delete globalThis.reportError;
  assert.deepEqual(received.update, [5, 6]);
  assert.deepEqual(later, [5, 6]);
  assert.deepEqual(failures, ['mine']);
});

test('closed is closed: no timer is left, and nothing is emitted any more', async () => {
  const made = await joined();
  made.cairn.close();
  assert.deepEqual(made.time.pending, []);
  assert.equal(made.socket.closed, true);
  made.window.dispatchEvent(new Event('online'));
  await made.time.pass(120 * MINUTE);
  assert.equal(made.sockets.length, 1);
  assert.equal(made.cairn.state, 'closed');
});

test('a week passes without timers piling up', async () => {
  const time = new Time();
  const made = client({ time, accept: (socket) => {
    server.serve(socket);
    const join = socket.respond;
    socket.respond = (message) => (message.action === 'ping' ? socket.receive({ event: 'pong' }) : join(message));
    socket.open();
  } });
  const server = room('tv-display', made.sockets);
  made.cairn.join('tv-display', { after: 'tv-display/0' });
  for (let hour = 0; hour < 7 * 24; hour++) {
    await time.pass(60 * MINUTE);
    server.publish();
    for (const socket of made.sockets.splice(0, made.sockets.length - 2)) assert.ok(socket.closed);
    assert.ok(time.pending.length <= 6, `${time.pending.length} timers`);
  }
  assert.deepEqual(made.received.update, server.events);
  assert.deepEqual(made.received.state, ['open']);
});
