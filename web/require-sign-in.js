/** Access to the pages behind the sign-in: send people there, and explain a missing module. */
import { find, part } from './dom.js';
import { allows, session, signOut } from './session.js';

/**
 * Where to go after signing in: one of Cairn's own pages, whatever the address bar says. The answer is a whole address,
 * since a browser takes a path such as `//evil.example`, which is what is left of `/.//evil.example`, for a host.
 * @param {string} search @param {string} origin
 */
export function returnAddress(search, origin) {
  const home = `${origin}/`;
  try {
    const { href } = new URL(new URLSearchParams(search).get('next') ?? '/', origin);
    return href.startsWith(home) ? href : home;
  } catch {
    return home;
  }
}

export const signInUrl = () => `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;

/**
 * The person, if they are signed in and have one of the modules. Otherwise null, and the browser goes to the sign-in, or the
 * page explains what is missing.
 * @param {string[]} modules
 */
export async function requireSession(modules) {
  const person = await session();
  if (!person) {
    location.replace(signInUrl());
    return null;
  }
  if (!allows(person, modules)) {
    showAccessDenied(person);
    return null;
  }
  return person;
}

/** Replace the page's content by its note for people without the module. @param {Session | null} person */
export function showAccessDenied(person) {
  const note = find('denied');
  part(note, '[data-name]').textContent = person?.name ?? 'You';
  part(note, '[data-sign-out]').addEventListener('click', signOutAndLeave);
  find('content').hidden = true;
  note.hidden = false;
  part(note, 'h1').focus();
}

export async function signOutAndLeave() {
  await signOut().catch(() => null);
  location.assign('/sign-in');
}
