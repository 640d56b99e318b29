/** The modules that may see the board: `display` is a TV's, which changes nothing. */
export const BOARD_MODULES = ['leaderboard', 'display'];

/** The modules that may see and change webhooks. */
export const WEBHOOK_MODULES = ['webhooks'];

/**
 * The pages of the navigation, in its order: a new page is one more line. A person needs one of `modules` to see the
 * page; null is public.
 */
export const PAGES = Object.freeze([
  { path: '/leaderboard', label: 'Leaderboard', modules: BOARD_MODULES },
  { path: '/tv', label: 'TV', modules: BOARD_MODULES },
  { path: '/live', label: 'Live viewers', modules: null },
  { path: '/webhooks', label: 'Webhooks', modules: WEBHOOK_MODULES },
]);
