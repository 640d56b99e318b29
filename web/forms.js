/** Forms that call the API: busy while they wait, and a line that says what is wrong. */
import { ApiError } from './api.js';
import { part } from './dom.js';

/**
 * Run `work` when the form is submitted; `after` follows a failure, which `explanation` puts into words.
 * @param {HTMLFormElement} form
 * @param {{problem: HTMLElement, busy: string, explanation: (error: ApiError) => string}} words
 * @param {() => Promise<void>} work @param {() => void} [after]
 */
export function handled(form, { problem, busy, explanation }, work, after) {
  const submit = part(form, 'button[type="submit"]');
  const label = submit.textContent;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.hidden = true;
    submit.toggleAttribute('disabled', true);
    submit.textContent = busy;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      problem.textContent = explanation(error);
      problem.hidden = false;
      after?.();
    } finally {
      submit.toggleAttribute('disabled', false);
      submit.textContent = label;
    }
  });
}

/** What went wrong, where nothing is more specific. @param {ApiError} error */
export function explained({ status, message, retryAfter }) {
  if (status === 429) return `Too many attempts. Try again in ${waiting(retryAfter)}.`;
  if (status === 0) return 'Cannot reach Cairn. Check your connection and try again.';
  return sentence(message);
}

/** @param {string} message */
const sentence = (message) => `${message.charAt(0).toUpperCase()}${message.slice(1)}${message.endsWith('.') ? '' : '.'}`;

/** @param {number | null} seconds */
function waiting(seconds) {
  if (!seconds || seconds < 60) return 'a moment';
  const minutes = Math.ceil(seconds / 60);
  return minutes === 1 ? 'a minute' : `${minutes} minutes`;
}
