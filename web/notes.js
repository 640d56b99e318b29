/** The page's two lines: what was done, and what went wrong. */
import { ApiError, statusOf } from './api.js';
import { find } from './dom.js';
import { explained } from './forms.js';
import { showAccessDenied, signInUrl } from './require-sign-in.js';
import { session } from './session.js';

/** Say what was done; empty says nothing. @param {string} words */
export function say(words) {
  find('note').textContent = words;
  find('note').hidden = !words;
  find('problem').hidden = true;
}

/** Say what went wrong, or leave the page where the person may not stay. @param {unknown} error */
export async function failed(error) {
  if (!(error instanceof ApiError)) throw error;
  if (statusOf(error) === 401) return location.assign(signInUrl());
  if (statusOf(error) === 403) return showAccessDenied(await session().catch(() => null));
  say('');
  find('problem').textContent = explained(error);
  find('problem').hidden = false;
  return undefined;
}

/** A handler that says what goes wrong. @param {(...given: any[]) => unknown} work */
export const told = (work) => (/** @type {unknown[]} */ ...given) => Promise.resolve().then(() => work(...given)).catch(failed);
