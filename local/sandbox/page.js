const pause = document.getElementById('pause');
let paused = false;
pause.hidden = false;
pause.addEventListener('click', () => {
  paused = !paused;
  pause.textContent = paused ? 'Resume refreshing' : 'Pause refreshing';
});
const busy = () => document.querySelector('main').contains(document.activeElement)
  || [...document.querySelectorAll('main input')].some(input => input.value !== input.defaultValue)
  || [...document.querySelectorAll('main option')].some(option => option.selected !== option.defaultSelected);
setInterval(async () => {
  if (paused || document.hidden || busy()) return;
  const answer = await fetch('/', {headers: {accept: 'text/html'}}).catch(() => null);
  const note = document.getElementById('gone');
  note.hidden = Boolean(answer?.ok);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');
  if (!paused && !busy()) document.querySelector('main').replaceChildren(...fresh.childNodes);
}, 2000);
