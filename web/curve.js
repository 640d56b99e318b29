/** How many watched, as a step line: a count holds until the next. uPlot draws it; the colours are the page's. */
const HOUR = 3_600_000;
const LEAST_TOP = 5; // a scale of whole viewers, also for few

export class Curve {
  #points = []; // [instant, viewers], oldest first
  #place; #read; #plot = null;
  known = false;
  hours = 1;
  peak = 0;

  /** `read` hears what the pointer is at: an instant and how many watched then, or null and null. */
  constructor(place, read) {
    this.#place = place;
    this.#read = read;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(place);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#plot?.destroy();
      this.#plot = null;
      if (this.known) this.draw();
    });
  }

  /** What history has; counts that came since and are newer stay. */
  set(points, hours) {
    const newest = points.at(-1)?.[0] ?? 0;
    this.#points = [...points, ...this.#points.filter(([at]) => at > newest)];
    this.hours = hours;
    this.known = true;
  }

  add(at, viewers) {
    const newest = this.#points.at(-1);
    if (newest && at < newest[0]) return;
    if (newest?.[1] !== viewers) this.#points.push([at, viewers]);
  }

  /** The least and the most of the hours shown, and since when it was the most; null when nothing is known of them. */
  extent() {
    const shown = this.#shown();
    if (shown.length === 0) return null;
    const values = shown.map(([, viewers]) => viewers);
    const most = Math.max(...values);
    return { least: Math.min(...values), most, at: shown[values.indexOf(most)][0] };
  }

  draw() {
    const now = Date.now();
    const shown = this.#shown();
    const last = shown.at(-1);
    const line = last && last[0] < now ? [...shown, [now, last[1]]] : shown;
    const data = [line.map(([at]) => at / 1000), line.map(([, viewers]) => viewers)];
    this.#plot ??= this.#made(data);
    this.#plot.setData(data, false);
    this.#plot.setScale('x', { min: (now - this.hours * HOUR) / 1000, max: now / 1000 });
  }

  /** The points of the hours shown, and before them what held as they began. */
  #shown() {
    const begin = Date.now() - this.hours * HOUR;
    const first = this.#points.findIndex(([at]) => at >= begin);
    if (first < 0) return this.#points.slice(-1).map(([, viewers]) => [begin, viewers]);
    const before = this.#points[first - 1];
    return [...(before ? [[begin, before[1]]] : []), ...this.#points.slice(first)];
  }

  #size() {
    return { width: this.#place.clientWidth, height: this.#place.clientHeight };
  }

  #made(data) {
    const style = getComputedStyle(this.#place);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      stroke: colour('soft'),
      font: `12px ${style.fontFamily}`,
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
    };
    return new uPlot({
      ...this.#size(),
      padding: [8, 12, 0, 0],
      legend: { show: false },
      hooks: { setCursor: [({ cursor: { idx }, data: [instants, viewers] }) => {
        if (idx === null || idx === undefined) this.#read(null, null);
        else this.#read(new Date(instants[idx] * 1000), viewers[idx]);
      }] },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      scales: {
        x: { time: true },
        y: { range: (plot, least, most) => [0, Math.max(LEAST_TOP, Math.ceil((most ?? 0) * 1.1))] },
      },
      axes: [
        { ...axis, size: 28, grid: { show: false }, values: (plot, ticks) => ticks.map(time) },
        { ...axis, size: 44, incrs: WHOLE, values: (plot, ticks) => ticks.map((tick) => short.format(tick)) },
      ],
      series: [{}, {
        stroke: colour('accent'),
        fill: colour('wash'),
        width: 2,
        paths: uPlot.paths.stepped({ align: 1 }),
        points: { show: false },
      }],
    }, data, this.#place);
  }
}

const WHOLE = Array.from({ length: 7 }, (_, zeros) => [1, 2, 5].map((step) => step * 10 ** zeros)).flat();
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const hours = new Intl.DateTimeFormat('en-US', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const time = (seconds) => hours.format(seconds * 1000);
