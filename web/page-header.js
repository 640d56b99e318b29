/** `<page-header>`: the head of every page, with Cairn's mark, the pages that the person may open, and the sign-out. */
import { text } from './dom.js';
import { PAGES } from './pages.js';
import { signOutAndLeave } from './require-sign-in.js';
import { allows, lastSession, onSession, session } from './session.js';

const SVG = 'http://www.w3.org/2000/svg';
const STONES = [[16, 26.5, 13, 4.6], [15, 17, 9, 4], [17, 8.6, 5.6, 3.4]]; // cx, cy, rx, ry

/**
 * `skip-to` is the id of what the skip link leads to. What a page puts inside stands between mark and navigation, or
 * before the navigation if it has `data-menu`.
 */
class PageHeader extends HTMLElement {
  #nav = document.createElement('nav');
  #account = document.createElement('div');
  #name = document.createElement('a');
  #shown = '';

  connectedCallback() {
    if (this.contains(this.#nav)) return;
    const menu = document.createElement('div');
    menu.className = 'menu';
    menu.append(...this.querySelectorAll(':scope > [data-menu]'), this.#nav, this.#account);
    this.#nav.setAttribute('aria-label', 'Pages');
    this.#account.className = 'account';
    this.#account.append(this.#signedInAs(), signOutButton());
    this.setAttribute('role', 'banner');
    this.prepend(link(`#${this.getAttribute('skip-to')}`, 'Skip to content', 'skip'), brand());
    this.append(menu);
    const last = lastSession();
    this.#show(last);
    onSession((person) => this.#show(person));
    if (last) session().catch(() => null); // without an answer, what was true last stays
  }

  #signedInAs() {
    const words = document.createElement('span');
    this.#name.href = '/account';
    words.append(text('span', 'Signed in as ', 'unseen'), this.#name);
    return words;
  }

  /** @param {Pick<Session, 'name' | 'modules'> | null} person */
  #show(person) {
    const pages = PAGES.filter(({ modules }) => allows(person, modules));
    const shown = JSON.stringify([person?.name, pages]);
    if (shown === this.#shown) return; // the focus stays where it is
    this.#shown = shown;
    this.#nav.replaceChildren(...pages.map(({ path, label }) => link(path, label)));
    this.#name.textContent = person?.name ?? '';
    this.#account.hidden = !person;
  }
}

/** @param {string} path @param {string} label */
function link(path, label, className = '') {
  const made = /** @type {HTMLAnchorElement} */ (text('a', label, className));
  made.setAttribute('href', path);
  if (location.pathname === path || (path !== '/' && location.pathname.startsWith(`${path}/`))) {
    made.setAttribute('aria-current', 'page');
  }
  return made;
}

function brand() {
  const mark = document.createElementNS(SVG, 'svg');
  mark.setAttribute('class', 'stones');
  mark.setAttribute('viewBox', '0 0 32 32');
  mark.setAttribute('aria-hidden', 'true');
  for (const stone of STONES) {
    const ellipse = document.createElementNS(SVG, 'ellipse');
    for (const [index, name] of ['cx', 'cy', 'rx', 'ry'].entries()) ellipse.setAttribute(name, String(stone[index]));
    mark.append(ellipse);
  }
  const made = link('/', '', 'brand');
  made.append(mark, text('span', 'Cairn'));
  return made;
}

function signOutButton() {
  const button = text('button', 'Sign out', 'button plain');
  button.setAttribute('type', 'button');
  button.addEventListener('click', signOutAndLeave);
  return button;
}

customElements.define('page-header', PageHeader);
