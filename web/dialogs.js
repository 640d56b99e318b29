/** Dialogs: opened with the focus on their title, closed by Escape, by `[data-close]`, or by who opened them. */
import { ApiError } from './api.js';
import { find, part } from './dom.js';
import { explained } from './forms.js';

/** @param {string} id */
export function open(id) {
  const dialog = find(id, HTMLDialogElement);
  for (const button of dialog.querySelectorAll('[data-close]')) {
    /** @type {HTMLElement} */ (button).onclick = () => dialog.close();
  }
  showProblem(dialog, '');
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  part(dialog, 'h2').focus();
  return dialog;
}

/** Say what is wrong, where the person looks; empty says nothing. @param {HTMLElement} dialog @param {string} words */
export function showProblem(dialog, words) {
  const problem = dialog.querySelector('[data-problem]');
  if (!(problem instanceof HTMLElement)) return;
  problem.textContent = words;
  problem.hidden = !words;
  if (words) problem.scrollIntoView({ block: 'nearest' });
}

/**
 * Run `work` whenever the dialog's form is submitted, with its button busy. The dialog closes, and what `work` answers is
 * called then; it stays open where the answer is `stay`.
 * @param {string} id @param {() => Promise<'stay' | (() => void)>} work
 */
export function onSubmit(id, work) {
  const dialog = find(id, HTMLDialogElement);
  const submit = part(dialog, 'button[type="submit"]');
  part(dialog, 'form').onsubmit = async (event) => {
    event.preventDefault();
    if (submit.hasAttribute('disabled')) return;
    showProblem(dialog, '');
    submit.toggleAttribute('disabled', true);
    try {
      const then = await work();
      if (then === 'stay') return;
      dialog.close();
      then();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      showProblem(dialog, explained(error));
    } finally {
      submit.toggleAttribute('disabled', false);
    }
  };
}

/**
 * Ask before something is done; the answer is given by the button of this name.
 * @param {{title: string, words: string, button: string, danger?: boolean}} question @param {() => Promise<() => void>} work
 */
export function ask({ title, words, button, danger = false }, work) {
  const dialog = open('question-dialog');
  part(dialog, 'h2').textContent = title;
  find('question-words').textContent = words;
  const submit = part(dialog, 'button[type="submit"]');
  submit.textContent = button;
  submit.classList.toggle('danger', danger);
  onSubmit('question-dialog', work);
}
