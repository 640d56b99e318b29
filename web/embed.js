/**
 * The frame `/embed/{channel}`, for sites that load no scripts from elsewhere. `?followers=`, `?label=` and `?lang=` are
 * the element's attributes.
 */
import './viewers.js';
import { channelOf } from './watching.js';

const params = new URLSearchParams(location.search);
const viewers = document.createElement('cairn-viewers');
viewers.setAttribute('channel', channelOf(location.pathname));
for (const name of ['followers', 'label']) {
  const value = params.get(name);
  if (value !== null) viewers.setAttribute(name, value);
}
document.documentElement.lang = params.get('lang') ?? navigator.language;
document.querySelector('main')?.append(viewers);
