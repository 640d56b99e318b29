/** Exchange name and password for a session, then go back to the page that was requested. */
import { ApiError } from './api.js';
import { find } from './dom.js';
import { returnAddress } from './require-sign-in.js';
import { signIn } from './session.js';

const form = find('form', HTMLFormElement);
const problem = find('problem');
const name = find('name', HTMLInputElement);
const password = find('password', HTMLInputElement);
const show = find('show', HTMLButtonElement);
const submit = find('submit', HTMLButtonElement);

show.addEventListener('click', () => {
  const shown = password.type === 'text';
  password.type = shown ? 'password' : 'text';
  show.textContent = shown ? 'Show' : 'Hide';
  show.setAttribute('aria-pressed', String(!shown));
});

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  problem.hidden = true;
  submit.disabled = true;
  submit.textContent = 'Signing in …';
  try {
    await signIn(name.value.trim(), password.value);
    location.replace(returnAddress(location.search, location.origin));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    problem.textContent = explanation(error);
    problem.hidden = false;
    submit.disabled = false;
    submit.textContent = 'Sign in';
    password.select();
  }
});

/** @param {ApiError} error */
function explanation({ status, message }) {
  if (status === 400 || status === 401) return 'That name and password do not match.';
  if (status === 429) return 'Too many attempts. Wait a moment, then try again.';
  if (status === 0) return 'Cannot reach Cairn. Check your connection and try again.';
  return message;
}

submit.disabled = false;
name.focus();
