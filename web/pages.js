/** The modules that may see the board: `display` is a TV's, which changes nothing. */
export const BOARD_MODULES = ['leaderboard', 'display'];

/** The modules that may see and change webhooks. */
export const WEBHOOK_MODULES = ['webhooks'];

/** The modules that may see a product's usage; only an admin changes it. */
export const USAGE_MODULES = ['analytics'];

/** The modules that may see what creators earn; only an admin changes agencies and creators. */
export const REVENUE_MODULES = ['analytics'];

/**
 * The pages of the navigation, in its order: a new page is one more line. A person needs one of `modules` to see the
 * page; null is public.
 */
export const PAGES = Object.freeze([
  { path: '/leaderboard', label: 'Leaderboard', modules: BOARD_MODULES },
  { path: '/tv', label: 'TV', modules: BOARD_MODULES },
  { path: '/live', label: 'Live viewers', modules: null },
  { path: '/usage', label: 'Usage', modules: USAGE_MODULES },
  { path: '/revenue', label: 'Revenue', modules: REVENUE_MODULES },
  { path: '/webhooks', label: 'Webhooks', modules: WEBHOOK_MODULES },
]);
