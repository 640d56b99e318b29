/** The live board and its celebrations: fetched once, then by the socket, and fetched again after each gap. */
import { config, list, patiently, serverNow, ticket } from './api.js';
import { connect } from './cairn.js';

export const TV = 'tv-display';
const EVERYONE = 'everyone';
const LEVEL_EVERY = 5 * 60_000; // a socket may be open and yet silent: the board is compared now and then

/**
 * Follow the board. `on.board({items, total, period, at})` comes with every change, `on.fetched(items)` with what only a
 * fetched board has, `on.celebration(frame, isNews)` with every milestone, `on.state(state)` with the connection's.
 * `limit()` is how many places are wanted, `after` where in the TV's room to begin. The answer: the settings, `level()`
 * to fetch the board now, `reconnect()` after signing in again.
 */
export async function follow({ limit, after, on }) {
  const settings = await patiently(config, on.trouble);
  let running = null;
  let again = false; // asked for while one is under way, which may know less
  let heard = 0; // boards that came by the socket
  let caughtUp = false; // with what the TV's room said before

  const cairn = connect({ url: async () => (await config()).webSocketUrl, ticket });
  cairn.on('state', on.state);
  cairn.on('signedout', on.signedOut);
  cairn.on('joined', ({ room }) => {
    if (room === EVERYONE) level();
    else caughtUp = true;
  });
  cairn.on('leaderboard:refresh', ({ data, total, period, at }) => {
    if (data.length < Math.min(limit(), total)) return void level();
    heard += 1;
    on.board({ items: data.slice(0, limit()), total, period, at: new Date(at) });
  });
  cairn.on('achievement:celebration', (frame) => on.celebration(frame, caughtUp));
  cairn.join(EVERYONE);
  cairn.join(TV, after ? { after } : {});
  on.state(cairn.state);
  setInterval(level, LEVEL_EVERY);

  /** Fetch the board; what came by the socket meanwhile is newer and stays. */
  function level() {
    again = running !== null;
    running ??= fetched().catch((error) => on.failed(error)).finally(() => {
      running = null;
      if (again) level();
    });
    return running;
  }

  async function fetched() {
    const before = heard;
    const board = await patiently(() => list('/api/leaderboard', { limit: limit() }), on.trouble);
    on.fetched?.(board.items);
    if (before === heard) on.board({ ...board, at: new Date(serverNow()) });
  }

  return { settings, level, reconnect: () => cairn.reconnect() };
}
