/** Elements of the leaderboard and the TV. People's input is shown as text only, or as a picture from an https URL. */
import { initials, letters, percent } from './format.js';

/** A picture, an emoji, or the name's initials, depending on `avatar`. Silent, since the name stands beside it. */
export class RepAvatar extends HTMLElement {
  #shown = '';

  /** @param {Pick<Rep, 'name' | 'avatar'>} rep */
  set rep({ name, avatar }) {
    const wanted = JSON.stringify([name, avatar]);
    if (wanted === this.#shown) return;
    this.#shown = wanted;
    this.setAttribute('aria-hidden', 'true');
    const url = pictureUrl(avatar);
    if (url) {
      const image = document.createElement('img');
      image.alt = '';
      image.decoding = 'async';
      image.referrerPolicy = 'no-referrer';
      image.addEventListener('error', () => this.#showText(initials(name), false), { once: true });
      image.src = url;
      this.classList.remove('emoji');
      this.replaceChildren(image);
    } else {
      const emoji = typeof avatar === 'string' && letters(avatar.trim()).length <= 2 ? avatar.trim() : '';
      this.#showText(emoji || initials(name), Boolean(emoji));
    }
  }

  /** @param {string} text @param {boolean} isEmoji */
  #showText(text, isEmoji) {
    const span = document.createElement('span');
    span.textContent = text;
    this.classList.toggle('emoji', isEmoji);
    this.replaceChildren(span);
  }
}

/** The API names only hosts that the operator allowed, and the Content-Security-Policy stops others. @param {string | null} avatar */
function pictureUrl(avatar) {
  try {
    const url = new URL(avatar ?? '');
    const plain = !url.username && !url.password && !url.port;
    return url.protocol === 'https:' && plain ? url.href : null;
  } catch {
    return null;
  }
}

/** Progress towards a goal in per cent, which may be over 100. */
export class GoalBar extends HTMLElement {
  /** @type {number | null | undefined} */
  #value;
  #figure = document.createElement('span');

  connectedCallback() {
    if (this.hasAttribute('role')) return;
    this.setAttribute('role', 'meter');
    this.setAttribute('aria-valuemin', '0');
    this.setAttribute('aria-valuemax', '100');
    const track = document.createElement('span');
    track.className = 'track';
    track.append(Object.assign(document.createElement('span'), { className: 'fill' }));
    this.#figure.className = 'figure';
    this.replaceChildren(track, this.#figure);
  }

  /** @param {number | null} value null is unknown */
  set value(value) {
    if (value === this.#value) return;
    this.#value = value;
    const within = Math.max(0, Math.min(100, value ?? 0));
    this.style.setProperty('--progress', String(within / 100));
    this.toggleAttribute('data-reached', value !== null && value >= 100);
    this.setAttribute('aria-valuenow', String(Math.floor(within)));
    this.setAttribute('aria-valuetext', value === null ? 'unknown' : percent(value));
    this.#figure.textContent = percent(value);
  }
}

const TIERS = 6;

/** A bonus tier from 0 to 6, as so many stones. */
export class TierStones extends HTMLElement {
  /** @param {number} tier */
  set tier(tier) {
    this.setAttribute('role', 'img');
    this.setAttribute('aria-label', tier ? `Bonus tier ${tier} of ${TIERS}` : 'No bonus tier yet');
    while (this.children.length < TIERS) this.append(document.createElement('i'));
    for (const [index, stone] of [...this.children].entries()) {
      stone.toggleAttribute('data-laid', index < tier);
      stone.toggleAttribute('data-top', index === tier - 1);
    }
  }
}

/** @type {Record<string, string>} */
const WORDS = {
  connecting: 'Connecting …',
  open: 'Live',
  waiting: 'Connection lost, trying again …',
  signedout: 'Signed out',
  closed: 'Not live',
};

/** The connection's state in words. A cut is shown after a moment only, since most are over by then. */
export class LiveState extends HTMLElement {
  #state = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;

  /** A failed attempt to reconnect still belongs to the same cut. @param {string} state */
  set state(state) {
    const shown = this.dataset.state;
    this.#state = state === 'connecting' && (shown === 'open' || shown === 'waiting') ? 'waiting' : state;
    if (state === 'open' || !shown) this.#show(state);
    else this.#later ??= setTimeout(() => this.#show(this.#state), 1500);
  }

  /** @param {string} state */
  #show(state) {
    clearTimeout(this.#later);
    this.#later = undefined;
    if (state === this.dataset.state) return;
    this.setAttribute('aria-live', 'polite');
    this.dataset.state = state;
    this.textContent = WORDS[state];
  }
}

customElements.define('rep-avatar', RepAvatar);
customElements.define('goal-bar', GoalBar);
customElements.define('tier-stones', TierStones);
customElements.define('live-state', LiveState);
