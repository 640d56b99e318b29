/** Accessibility checks of the current page: returns a list of what is wrong. */
(() => {
  const wrong = [];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !element.closest('.unseen, .skip');
  const name = (element) => (element.getAttribute('aria-label') ?? '') + (element.textContent ?? '') + (element.labels?.[0]?.textContent ?? '');
  const describe = (element) => `${element.tagName.toLowerCase()}.${element.className} “${element.textContent.trim().slice(0, 30)}”`;

  if (!document.documentElement.lang) wrong.push('no language');
  if (!document.title) wrong.push('no title');
  if ([...document.querySelectorAll('h1')].filter(seen).length !== 1) wrong.push('not exactly one h1');
  if ([...document.querySelectorAll('main, [role=main]')].filter(seen).length !== 1) wrong.push('not exactly one main');
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) wrong.push(`an id twice: ${ids.filter((id, place) => ids.indexOf(id) !== place)}`);
  for (const element of document.querySelectorAll('[aria-labelledby], [aria-controls], label[for]')) {
    const id = element.getAttribute('aria-labelledby') ?? element.getAttribute('aria-controls') ?? element.htmlFor;
    if (!document.getElementById(id)) wrong.push(`${describe(element)} names ${id}, which is not there`);
  }
  for (const element of document.querySelectorAll('a, button, input, select, [role=meter], [role=img]')) {
    if (seen(element) && !name(element).trim()) wrong.push(`${describe(element)} has no name`);
  }
  for (const image of document.querySelectorAll('img')) if (image.getAttribute('alt') === null) wrong.push('an image without alt');
  for (const element of document.querySelectorAll('[tabindex]')) if (element.tabIndex > 0) wrong.push('a tabindex above 0');
  for (const element of document.querySelectorAll('button, select, input')) {
    const { width, height } = element.getBoundingClientRect();
    if (seen(element) && Math.min(width, height) < 24) wrong.push(`${describe(element)} is smaller than 24 pixels`);
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than the screen');

  const channel = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const rgba = (color) => color.match(/[\d.]+/g).map(Number);
  const over = ([r, g, b, a = 1], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const ground = (element) => {
    if (!element) return rgba(getComputedStyle(document.documentElement).backgroundColor);
    const color = rgba(getComputedStyle(element).backgroundColor);
    return color[3] === 0 ? ground(element.parentElement) : over(color, ground(element.parentElement));
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !seen(element) || element.closest('template, script')) continue;
    const style = getComputedStyle(element);
    const back = ground(element);
    const [one, other] = [light(over(rgba(style.color), back)), light(back)].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) wrong.push(`${describe(element)} has a contrast of ${contrast.toFixed(2)}`);
  }
  return wrong;
})();
