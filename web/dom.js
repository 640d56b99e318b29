/** Small helpers for finding, creating and moving elements. Text is always set as text, never as HTML. */
const MOVE = { duration: 600, easing: 'cubic-bezier(0.2, 0.8, 0.2, 1)' };

/**
 * The element with an id.
 * @template {HTMLElement} [Kind=HTMLElement] @param {string} id @param {new () => Kind} [kind] @returns {Kind}
 */
export function find(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof (kind ?? HTMLElement))) throw new Error(`#${id} is missing`);
  return /** @type {Kind} */ (element);
}

/**
 * The first element inside `parent` that matches.
 * @template {string} Selector @param {ParentNode} parent @param {Selector} selector
 * @returns {Selector extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[Selector] : HTMLElement}
 */
export function part(parent, selector) {
  const element = parent.querySelector(selector);
  if (!element) throw new Error(`${selector} is missing`);
  return /** @type {any} */ (element);
}

export const motionAllowed = () => !matchMedia('(prefers-reduced-motion: reduce)').matches;

/** @param {string} element @param {string | null} content */
export function text(element, content, className = '') {
  const made = document.createElement(element);
  made.textContent = content;
  if (className) made.className = className;
  return made;
}

/**
 * A new element from a template: imported, since the custom elements in a clone would not be upgraded yet.
 * @param {string} template
 */
export function copy(template) {
  const content = document.importNode(find(template, HTMLTemplateElement).content, true);
  return /** @type {HTMLElement} */ (content.firstElementChild);
}

/**
 * One element for each item, made from a template and reused by the next call.
 * @template Item
 * @param {HTMLElement} parent @param {string} template @param {Item[]} items
 * @param {(element: HTMLElement, item: Item) => void} write
 */
export function fill(parent, template, items, write) {
  while (parent.children.length > items.length) parent.lastElementChild?.remove();
  while (parent.children.length < items.length) parent.append(copy(template));
  const elements = /** @type {HTMLElement[]} */ ([...parent.children]);
  for (const [index, item] of items.entries()) write(elements[index], item);
}

/**
 * Apply `change`, then put the elements into this order within their parent; each glides from where it was.
 * @param {HTMLElement} parent @param {HTMLElement[]} elements
 */
export function arrange(parent, elements, change = () => {}) {
  const top = (/** @type {Element} */ element) => element.getBoundingClientRect().top;
  const tops = new Map(motionAllowed() ? [...parent.children].map((element) => [element, top(element)]) : []);
  change();
  if (elements.some((element, index) => element !== parent.children[index])) parent.append(...elements);
  for (const element of elements) {
    const before = tops.get(element);
    const moved = before === undefined ? 0 : before - top(element);
    if (moved) element.animate([{ transform: `translateY(${moved}px)` }, { transform: 'none' }], MOVE);
  }
}

/** Highlight an element for a moment. @param {HTMLElement} element */
export function flash(element) {
  if (motionAllowed()) element.animate([{ background: 'var(--wash)' }, { background: 'transparent' }], 1600);
}

/** A small label with a state. @param {HTMLElement} badge @param {string} mood @param {string} word */
export function label(badge, mood, word) {
  badge.dataset.mood = mood;
  badge.replaceChildren(text('span', word));
}
