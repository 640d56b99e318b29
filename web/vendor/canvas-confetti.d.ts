/** What Cairn uses of canvas-confetti. */
interface Burst {
  angle?: number;
  colors?: string[];
  gravity?: number;
  origin?: { x: number; y: number };
  particleCount?: number;
  scalar?: number;
  spread?: number;
  startVelocity?: number;
  ticks?: number;
}

interface Confetti {
  (burst: Burst): Promise<null> | null;
  reset(): void;
}

export function create(
  canvas: HTMLElement,
  options: { resize: boolean; useWorker: boolean; disableForReducedMotion: boolean },
): Confetti;
