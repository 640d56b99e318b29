/** The live board and its celebrations: fetched first, then pushed by the socket, and fetched again after each gap. */
import { config, list, patiently, serverNow, ticket } from './api.js';
import { completed } from './board.js';
import { connect } from './cairn.js';

export const TV = 'tv-display';
const EVERYONE = 'everyone';
const REFRESH_EVERY = 5 * 60_000; // an open socket may still be silent
const REST_EVERY = 15_000; // a frame has the top of a large board; what is below changes with it

/**
 * @typedef {object} Handlers
 * @property {(board: Board) => void} board each new board
 * @property {(reps: Rep[]) => void} [fetched] each fetched board's reps, which have their badges
 * @property {(frame: Frame<Celebration>, isNews: boolean) => void} celebration each milestone
 * @property {(id: string) => void} reverted a milestone was taken back
 * @property {(state: string) => void} state the state of the connection
 * @property {() => void} signedOut nobody is signed in any more
 * @property {(error: unknown) => void} failed the board cannot be fetched
 * @property {(error: Error) => void} retry a request failed and will be repeated
 */

/**
 * Follow the board. `limit()` is how many ranks are wanted, `after` the event in the TV's room to resume after.
 * Resolves to the settings, `refresh()` to fetch the board now, and `reconnect()` for after a new sign-in.
 * @param {{limit: () => number, after?: string, on: Handlers}} options
 */
export async function follow({ limit, after, on }) {
  const settings = await patiently(config, on.retry);
  /** @type {Promise<void> | null} */
  let running = null;
  let again = false; // refreshed while a fetch is running, which may have missed the reason
  let pushed = 0; // boards received by the socket
  /** @type {Board | null} */
  let shown = null;
  /** @type {Rep[]} */
  let top = []; // of the last board received
  let restIsDue = false;
  let caughtUp = false; // the TV's room has replayed its past events

  const cairn = connect({ url: async () => (await config()).webSocketUrl, ticket });
  cairn.on('state', on.state);
  cairn.on('signedout', on.signedOut);
  cairn.on('joined', (/** @type {Frame<unknown>} */ { room }) => {
    if (room === EVERYONE) refresh();
    else caughtUp = true;
  });
  cairn.on('leaderboard:refresh', (/** @type {BoardFrame} */ { data, total, period, at }) => {
    const wanted = Math.min(limit(), total);
    const items = completed(data, period === shown?.period ? shown.items : [], wanted);
    if (items.length < wanted) return void refresh();
    pushed += 1;
    top = data;
    show({ items, total, period, at: new Date(at) });
    if (data.length >= wanted || restIsDue) return;
    restIsDue = true;
    setTimeout(() => { restIsDue = false; refresh(); }, REST_EVERY);
  });
  cairn.on('achievement:celebration', (/** @type {Frame<Celebration>} */ frame) => on.celebration(frame, caughtUp));
  cairn.on('milestone:reverted', (/** @type {Frame<{milestone: string}>} */ { data }) => {
    on.reverted(data.milestone);
    if (caughtUp) refresh(); // for the badges
  });
  cairn.join(EVERYONE);
  cairn.join(TV, after ? { after } : {});
  on.state(cairn.state);
  setInterval(refresh, REFRESH_EVERY);

  /** Fetch the board. The top that the socket pushes meanwhile is newer and stays. */
  function refresh() {
    again = running !== null;
    running ??= fetchBoard().catch((error) => on.failed(error)).finally(() => {
      running = null;
      if (again) refresh();
    });
    return running;
  }

  async function fetchBoard() {
    const before = pushed;
    const board = await patiently(() => list('/api/leaderboard', { limit: limit() }), on.retry);
    on.fetched?.(board.items);
    if (before === pushed || !shown) show({ ...board, at: new Date(serverNow()) });
    else if (shown.period === board.period) {
      show({ ...shown, items: completed(top, board.items, Math.min(limit(), shown.total)) });
    }
  }

  function show(/** @type {Board} */ board) {
    shown = board;
    on.board(board);
  }

  return { settings, refresh, reconnect: () => cairn.reconnect() };
}
