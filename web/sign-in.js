/** Name and password for a session; then back to the page that was asked for. */
import { signIn } from './api.js';
import { wanted } from './shell.js';

const form = document.getElementById('form');
const problem = document.getElementById('problem');
const password = document.getElementById('password');
const show = document.getElementById('show');
const submit = document.getElementById('submit');

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
    await signIn(form.elements.name.value.trim(), password.value);
    location.replace(wanted(location.search, location.origin));
  } catch (error) {
    problem.textContent = explained(error);
    problem.hidden = false;
    submit.disabled = false;
    submit.textContent = 'Sign in';
    password.select();
  }
});

function explained({ status, message }) {
  if (status === 400 || status === 401) return 'That name and password do not match.';
  if (status === 429) return 'Too many attempts. Wait a moment, then try again.';
  if (status === 0) return 'Cairn cannot be reached. Check the connection and try again.';
  return message;
}

submit.disabled = false;
form.elements.name.focus();
