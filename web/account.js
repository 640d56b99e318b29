/** One's own account: the password, and the second factor of the sign-in. */
import { call } from './api.js';
import { find, part } from './dom.js';
import { explained, handled } from './forms.js';
import { signInUrl } from './require-sign-in.js';
import { session } from './session.js';

const PATH = '/api/session/second-factor';

const done = find('done');
const forms = {
  begin: find('begin-form', HTMLFormElement),
  confirm: find('confirm-form', HTMLFormElement),
  remove: find('remove-form', HTMLFormElement),
};

/** @param {string} id */
const input = (id) => find(id, HTMLInputElement);

/** @param {HTMLFormElement} form @param {() => Promise<void>} work */
function onSubmit(form, work) {
  const words = { problem: part(form, '[data-problem]'), busy: 'One moment …', explanation: explained };
  handled(form, words, async () => {
    done.hidden = true;
    await work();
    form.reset();
  });
}

/** @param {string} text */
function say(text) {
  done.textContent = text;
  done.hidden = false;
}

onSubmit(find('password-form', HTMLFormElement), async () => {
  const result = await call('/api/session/password', {
    method: 'POST',
    body: { current: input('current').value, new: input('new').value },
  });
  if ('challenge' in result) location.assign(signInUrl()); // the new session needs a code
  else say('Your password is changed. Everywhere else you are signed out.');
});

onSubmit(forms.begin, async () => {
  const { secret, uri } = await call(PATH, { method: 'POST', body: { password: input('begin-password').value } });
  find('secret').textContent = secret.replace(/(.{4})/g, '$1 ').trim();
  find('uri', HTMLAnchorElement).href = uri;
  show(forms.confirm);
  input('confirm-code').focus();
});

onSubmit(forms.confirm, async () => {
  await call(PATH, { method: 'PUT', body: { code: input('confirm-code').value } });
  say('The second factor is on. Each sign-in asks for a code from now on.');
  showState(true);
});

onSubmit(forms.remove, async () => {
  await call(`${PATH}/removal`, {
    method: 'POST',
    body: { password: input('remove-password').value, code: input('remove-code').value },
  });
  say('The second factor is off.');
  showState(false);
});

/** @param {HTMLFormElement} form */
function show(form) {
  for (const each of Object.values(forms)) each.hidden = each !== form;
}

/** @param {boolean} enabled */
function showState(enabled) {
  find('state').textContent = enabled
    ? 'On: a sign-in needs a code from your authenticator app. If you lose it, an operator can turn this off.'
    : 'Off. With it, a sign-in also needs a code from an authenticator app on your phone.';
  show(enabled ? forms.remove : forms.begin);
  find('second-factor').hidden = false;
}

const person = await session();
if (!person) location.replace(signInUrl());
else {
  input('user').value = person.userId;
  showState((await call(PATH)).enabled);
}
