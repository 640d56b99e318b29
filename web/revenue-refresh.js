/** Keeps figures fresh: every two minutes while somebody looks, at once when the room says so, and caught up afterwards. */
import { config, ticket } from './api.js';
import { connect } from './cairn.js';

const EVERY = 120_000;
const PUSHED_AT_MOST_EVERY = 5_000; // a busy evening sells every second
const ROOM = 'creators';

/**
 * `due` is called every two minutes, `news` with the creator of each event of the room, or with null when some may have
 * been missed. Neither is called while the page is hidden: what was missed follows when it is seen again.
 * @param {{due: () => void, news: (creatorId: string | null) => void, state: (state: string) => void, signedOut: () => void}} handlers
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
    if (joined) pushed.add(null); // what came while it was cut is not replayed: figures are a state
    joined = true;
    state('open');
  });
  cairn.on('refused', (/** @type {{retryAfter?: number}} */ error) => {
    if (error?.retryAfter) return; // it is asked again
    refused = true;
    state('closed');
  });
  cairn.on('signedout', signedOut);
  cairn.on('creators:revenue', (/** @type {Frame<{creatorId: string}>} */ { data }) => pushed.add(data?.creatorId ?? null));
  cairn.on('creators:milestone', (/** @type {Frame<{creatorId?: string}>} */ { data }) => pushed.add(data?.creatorId ?? null));
  cairn.join(ROOM, { after: null });
}

/** Passes news on at once, then for a while together; keeps it while the page is hidden. @param {(creatorId: string | null) => void} news */
function calm(news) {
  /** @type {Set<string | null>} */
  const waiting = new Set();
  let quietUntil = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  function release() {
    if (document.hidden || waiting.size === 0) return;
    clearTimeout(timer);
    const wait = quietUntil - Date.now();
    if (wait > 0) {
      timer = setTimeout(release, wait);
      return;
    }
    quietUntil = Date.now() + PUSHED_AT_MOST_EVERY;
    const told = waiting.has(null) ? [null] : [...waiting];
    waiting.clear();
    for (const each of told) news(each);
  }
  return {
    release,
    drop: () => waiting.clear(),
    add: (/** @type {string | null} */ creatorId) => { waiting.add(creatorId); release(); },
  };
}
