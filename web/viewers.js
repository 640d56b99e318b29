/** `<cairn-viewers channel="…">`: a channel's viewers now, on any page. See docs/viewers.md. */
import { ORIGIN, isChannelId, watch } from './watching.js';

const FOLLOWERS_EVERY = 15 * 60_000;
const COMPACT_FROM = 10_000;
/** @type {Record<string, string[]>} */
const WORDS = {
  en: ['watching', 'followers'],
  de: ['Zuschauer', 'Follower'],
  es: ['viendo', 'seguidores'],
  fr: ['en train de regarder', 'abonnés'],
  pt: ['assistindo', 'seguidores'],
};
const EYE =
  'M12 4C6 4 2 7 0 12c2 5 6 8 12 8s10-3 12-8c-2-5-6-8-12-8Zm0 13a5 5 0 1 1 0-10 5 5 0 0 1 0 10Z' +
  'm0-2a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z';
const HEART = 'M12 21C5 15 2 12 2 8a5 5 0 0 1 10-2 5 5 0 0 1 10 2c0 4-3 7-10 13Z';
const STYLE = `
:host { display: inline-flex; flex-wrap: wrap; gap: .5em; vertical-align: middle; white-space: nowrap;
  font: 500 var(--cairn-size, .875rem)/1.45 var(--cairn-font, system-ui, sans-serif);
  font-variant-numeric: tabular-nums }
:host([hidden]), [hidden] { display: none !important }
span, a { position: relative; display: inline-flex; align-items: center; gap: .55em }
[part=viewers], a { padding: .5em .8em; border: 1px solid transparent; border-radius: var(--cairn-radius, .55em);
  background: var(--cairn-background, #d11f1f); color: var(--cairn-color, #fff); text-decoration: none }
a { background: var(--cairn-followers-background, #27272a); color: var(--cairn-followers-color, #fff);
  border-color: #8886 }
a:focus-visible { outline: 2px solid; outline-offset: -5px }
svg { width: 1.2em; height: 1.2em; fill: currentColor; fill-rule: evenodd }
[part=dot] { width: .45em; height: .45em; border-radius: 50%; background: currentColor; animation: pulse 2s infinite }
[part=words] { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
@keyframes pulse { 50% { opacity: .35 } }
@media (prefers-reduced-motion: reduce) { [part=dot] { animation: none } }`;

/** @type {CSSStyleSheet | undefined} */
let sheet; // shared by all elements of a page, and allowed by a policy against inline styles

class CairnViewers extends HTMLElement {
  static observedAttributes = ['channel', 'followers', 'label', 'lang'];
  /** @type {?VoidFunction} */ #stop = null;
  /** @type {?ViewerCount} */ #count = null;
  /** @type {?Followers} */ #followed = null;
  #here = false;
  #viewers = make('span', 'viewers', make('span', 'dot'), icon(EYE, 'eye'), ...texts());
  #followers = make('a', 'followers', icon(HEART, 'heart'), ...texts());

  connectedCallback() {
    if (!this.shadowRoot) this.#build();
    this.#start();
  }

  disconnectedCallback() {
    this.#stop?.();
  }

  attributeChangedCallback(/** @type {string} */ name) {
    if (!this.isConnected || !this.#stop) return;
    if (name === 'label' || name === 'lang') return void this.#show();
    this.#stop();
    this.#start();
  }

  #build() {
    const root = this.attachShadow({ mode: 'open' });
    Object.assign(this.#followers, { target: '_blank', rel: 'noopener' });
    root.append(this.#viewers, this.#followers);
    try {
      if (!sheet) {
        sheet = new CSSStyleSheet();
        sheet.replaceSync(STYLE);
      }
      root.adoptedStyleSheets = [sheet];
    } catch {
      root.append(make('style', '', STYLE)); // a browser from before 2023
    }
  }

  #start() {
    const channel = this.getAttribute('channel') ?? '';
    const followed = this.getAttribute('followers'); // '' is the same channel
    this.#count = this.#followed = null;
    const end = watch(channel, {
      about: ({ followers }) => void (followed === '' && this.#follow(followers)),
      state: (state) => {
        this.#here = state === 'here';
        if (state === 'refused') console.warn(`<cairn-viewers>: “${channel}” is not a channel id`);
        this.#show();
      },
      count: (count) => {
        this.#count = count;
        this.#show();
        this.#announce('cairn-viewers', count);
      },
      milestone: (milestone) => this.#announce('cairn-milestone', milestone),
    });
    const load = () => this.#load(followed || channel);
    const timer = followed === null ? undefined : setInterval(load, FOLLOWERS_EVERY);
    this.#stop = () => {
      end();
      clearInterval(timer);
    };
    if (followed) load();
  }

  #follow(/** @type {?Followers} */ followers) {
    this.#followed = followers;
    this.#show();
  }

  /** Load a channel's followers; on failure the known ones stay. */
  async #load(/** @type {string} */ channel) {
    const started = this.#stop;
    if (!isChannelId(channel) || (document.hidden && this.#followed)) return;
    try {
      const response = await fetch(`${ORIGIN}/api/viewer/channel/${channel}`, { credentials: 'omit', cache: 'no-store' });
      const { followers } = await response.json();
      if (response.ok && started === this.#stop) this.#follow(followers);
    } catch {
      // loaded again later
    }
  }

  #show() {
    const followed = this.#followed;
    const language = valid(this.closest('[lang]')?.getAttribute('lang')) ?? navigator.language;
    const [watching, followers] = WORDS[language.slice(0, 2)] ?? WORDS.en;
    this.hidden = !this.#here || !this.#count;
    this.#followers.hidden = !followed;
    if (this.#count) write(this.#viewers, this.#count.viewers, this.getAttribute('label') ?? watching, language);
    if (!followed) return;
    const since = followed.stale ? `, ${new Date(followed.asOf).toLocaleString(language)}` : '';
    write(this.#followers, followed.count, `${followers}, ${followed.name}${since}`, language, since && '~');
    if (followed.url?.startsWith('https:')) this.#followers.setAttribute('href', followed.url);
    else this.#followers.removeAttribute('href');
  }

  #announce(/** @type {string} */ name, /** @type {object} */ detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

/** @param {string} name @param {string} part @param {(Node | string)[]} children */
function make(name, part, ...children) {
  const element = document.createElement(name);
  element.setAttribute('part', part);
  element.append(...children);
  return element;
}

function icon(/** @type {string} */ shape, /** @type {string} */ part) {
  const [svg, path] = ['svg', 'path'].map((name) => document.createElementNS('http://www.w3.org/2000/svg', name));
  path.setAttribute('d', shape);
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('part', part);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(path);
  return svg;
}

const texts = () => [make('span', 'number'), make('span', 'words')];

/**
 * Show a number, shortened and rounded down from 10,000 on; the title has all of it.
 * @param {HTMLElement} pill @param {number} value @param {string} words @param {string} language
 */
function write(pill, value, words, language, sign = '') {
  /** @type {Intl.NumberFormatOptions} */
  const short = { notation: 'compact', maximumFractionDigits: 1, roundingMode: 'floor' };
  const number = new Intl.NumberFormat(language, value < COMPACT_FROM ? {} : short);
  const [shown, spoken] = [...pill.children].slice(-2);
  shown.textContent = sign + number.format(value);
  spoken.textContent = ` ${words}`;
  pill.title = `${value.toLocaleString(language)} ${words}`;
}

function valid(/** @type {?string | undefined} */ language) {
  try {
    return Intl.getCanonicalLocales(language ?? '')[0];
  } catch {
    return null;
  }
}

if (!customElements.get('cairn-viewers')) customElements.define('cairn-viewers', CairnViewers);
