/** Keeps figures fresh: every two minutes while somebody looks, at once when the room says so, and caught up afterwards. */
import { config, ticket } from './api.js';
import { connect } from './cairn.js';

const EVERY = 120_000;
const PUSHED_AT_MOST_EVERY = 5_000; // a busy evening sells every second
const ROOM = 'creators';
const EVENTS = ['creators:revenue', 'creators:milestone', 'milestone:reverted'];

/**
 * `due` is called every two minutes, `news` when the room says that something has changed, of whichever creator: one event
 * may stand for several. Neither is called while the page is hidden: what was missed follows when it is seen again.
 * @param {{due: () => void, news: () => void, state: (state: string) => void, signedOut: () => void}} handlers
 */
export function keepFresh({ due, news, state, signedOut }) {
  let next = Date.now() + EVERY;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const arm = () => {
    clearTimeout(timer);
    timer = setTimeout(tick, Math.max(0, next - Date.now()));
  };
  function tick() {
    if (document.hidden) return; // visibilitychange goes on
    if (Date.now() >= next) {
      next = Date.now() + EVERY;
      due();
    }
    arm();
  }
  const pushed = calm(news);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    if (Date.now() < next) pushed.release();
    else pushed.drop(); // all of it is refreshed
    tick();
  });
  arm();

  const cairn = connect({ url: async () => (await config()).webSocketUrl, ticket });
  let joined = false;
  let refused = false;
  cairn.on('state', (/** @type {string} */ now) => {
    if (refused) state('closed');
    else state(now === 'open' && !joined ? 'connecting' : now);
  });
  cairn.on('joined', () => {
    if (joined) pushed.add(); // what came while it was cut is not replayed: figures are a state
    joined = true;
    state('open');
  });
  cairn.on('refused', (/** @type {{retryAfter?: number}} */ error) => {
    if (error?.retryAfter) return; // it is asked again
    refused = true;
    state('closed');
  });
  cairn.on('signedout', signedOut);
  for (const event of EVENTS) cairn.on(event, pushed.add);
  cairn.join(ROOM, { after: null });
}

/** Passes news on at once, then for a while together; keeps it while the page is hidden. @param {() => void} news */
function calm(news) {
  let waiting = false;
  let quietUntil = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  function release() {
    if (document.hidden || !waiting) return;
    clearTimeout(timer);
    const wait = quietUntil - Date.now();
    if (wait > 0) {
      timer = setTimeout(release, wait);
      return;
    }
    quietUntil = Date.now() + PUSHED_AT_MOST_EVERY;
    waiting = false;
    news();
  }
  return {
    release,
    drop: () => { waiting = false; },
    add: () => { waiting = true; release(); },
  };
}
