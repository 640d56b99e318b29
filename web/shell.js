/** What every page behind the sign-in does first: know who is there, and tell politely who may not be. */
import { mayLead, session, signOut } from './api.js';

/** Where to go after signing in: a page of ours, whatever the address bar says. */
export function wanted(search, origin) {
  const next = new URLSearchParams(search).get('next') ?? '/';
  try {
    const url = new URL(next, origin);
    return url.origin === origin && next.startsWith('/') ? url.pathname + url.search : '/';
  } catch {
    return '/';
  }
}

export const signInAddress = () => `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;

/** Whoever is signed in and may see the leaderboard; null for others, who are sent to the sign-in or told why not. */
export async function admitted() {
  const me = await session();
  if (!me) {
    location.replace(signInAddress());
    return null;
  }
  if (!mayLead(me)) {
    refuse(me);
    return null;
  }
  return me;
}

/** Show the page's note to people without the module. */
export function refuse(me) {
  const note = document.getElementById('refused');
  note.querySelector('[data-name]').textContent = me?.name ?? 'You';
  note.querySelector('[data-sign-out]').addEventListener('click', leave);
  document.getElementById('content').hidden = true;
  note.hidden = false;
  note.querySelector('h1').focus();
}

export async function leave() {
  await signOut().catch(() => null);
  location.assign('/sign-in');
}
