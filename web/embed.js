/** The frame `/embed/{channel}`, for sites that take no scripts: `?followers=` and `?lang=` as the element has them. */
import './viewers.js';
import { channelOf } from './watching.js';

const wanted = new URLSearchParams(location.search);
const viewers = document.createElement('cairn-viewers');
viewers.setAttribute('channel', channelOf(location.pathname));
for (const name of ['followers', 'label']) if (wanted.has(name)) viewers.setAttribute(name, wanted.get(name));
document.documentElement.lang = wanted.get('lang') ?? navigator.language;
document.getElementById('place').append(viewers);
