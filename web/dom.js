/** Small helpers for making and moving elements. Text is set as text, always. */
const MOVE = { duration: 600, easing: 'cubic-bezier(0.2, 0.8, 0.2, 1)' };
const still = matchMedia('(prefers-reduced-motion: reduce)');

export const find = (id) => document.getElementById(id);
export const moves = () => !still.matches;

export function text(element, content, className = '') {
  return Object.assign(document.createElement(element), { textContent: content ?? '', className });
}

/** A template's element, ready for use: what is cloned instead would not know our own elements yet. */
export const copy = (template) => document.importNode(find(template).content, true).firstElementChild;

/** One element for each item, made from a template and kept from one time to the next. */
export function fill(parent, template, items, write) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  while (parent.children.length < items.length) parent.append(copy(template));
  items.forEach((item, place) => write(parent.children[place], item));
}

/** Put elements into this order within their parent; each glides from where it was. */
export function arrange(parent, elements, change = () => {}) {
  const tops = moves() ? new Map([...parent.children].map((one) => [one, one.getBoundingClientRect().top])) : new Map();
  change();
  if (elements.some((element, place) => element !== parent.children[place])) parent.append(...elements);
  for (const element of elements) {
    const moved = tops.has(element) ? tops.get(element) - element.getBoundingClientRect().top : 0;
    if (moved) element.animate([{ transform: `translateY(${moved}px)` }, { transform: 'none' }], MOVE);
  }
}

/** Colour an element for a moment. */
export function flash(element) {
  if (moves()) element.animate([{ background: 'var(--wash)' }, { background: 'transparent' }], 1600);
}
