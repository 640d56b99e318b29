/**
 * The pages of the navigation, in its order: a new page is one more line. `module` is what a person needs to see the
 * page; null is public.
 */
export const PAGES = Object.freeze([
  { path: '/leaderboard', label: 'Leaderboard', module: 'leaderboard' },
  { path: '/tv', label: 'TV', module: 'leaderboard' },
  { path: '/live', label: 'Live viewers', module: null },
]);
