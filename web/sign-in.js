/** Exchange name and password for a session, with a code or a new password where needed; then go back to the page. */
import { find, part } from './dom.js';
import { explained, handled } from './forms.js';
import { returnAddress } from './require-sign-in.js';
import { answerChallenge, signIn } from './session.js';

const form = find('form', HTMLFormElement);
const problem = find('problem');
const name = find('name', HTMLInputElement);
const password = find('password', HTMLInputElement);
const show = find('show', HTMLButtonElement);
const submit = find('submit', HTMLButtonElement);

/** @type {Record<Challenge['challenge'], HTMLFormElement>} */
const steps = { totp: find('code-form', HTMLFormElement), newPassword: find('password-form', HTMLFormElement) };

show.addEventListener('click', () => {
  const shown = password.type === 'text';
  password.type = shown ? 'password' : 'text';
  show.textContent = shown ? 'Show' : 'Hide';
  show.setAttribute('aria-pressed', String(!shown));
});

handled(form, { problem, busy: 'Signing in …', explanation }, async () => {
  proceed(await signIn(name.value.trim(), password.value));
}, () => password.select());

/** @type {Challenge | null} */
let challenge = null;

for (const step of Object.values(steps)) {
  const answer = part(step, 'input');
  handled(step, { problem: part(step, '[data-problem]'), busy: 'Signing in …', explanation: explainAnswer }, async () => {
    if (challenge) proceed(await answerChallenge(challenge, answer.value));
  }, () => answer.select());
}

/** Ask for what is still needed, or leave for the page that was requested. @param {Session | Challenge} result */
function proceed(result) {
  if (!('challenge' in result)) {
    location.replace(returnAddress(location.search, location.origin));
    return;
  }
  challenge = result;
  for (const each of [form, ...Object.values(steps)]) each.hidden = each !== steps[result.challenge];
  part(steps[result.challenge], 'input').focus();
}

/** @param {import('./api.js').ApiError} error */
function explanation(error) {
  if (error.status === 400 || error.status === 401) return 'That name and password do not match.';
  return explained(error);
}

/** @param {import('./api.js').ApiError} error */
function explainAnswer(error) {
  const late = error.status === 401 && error.message.includes('too long');
  return late ? 'That took too long. Reload this page, and sign in again.' : explained(error);
}

submit.disabled = false;
name.focus();
