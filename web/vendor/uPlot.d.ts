/** What Cairn uses of uPlot, which is a classic script and hence a global. */
interface PlotSize {
  width: number;
  height: number;
}

declare class uPlot {
  constructor(options: object, data: (number | null)[][], target: HTMLElement);
  static paths: { stepped(options: { align: 1 | -1 }): unknown; bars(options: { size: number[]; radius: number }): unknown };
  static tzDate(date: Date, timeZone: string): Date;
  readonly bbox: { left: number; top: number; width: number; height: number };
  readonly ctx: CanvasRenderingContext2D;
  readonly cursor: { idx?: number | null };
  readonly data: number[][];
  destroy(): void;
  setData(data: number[][], resetScales: boolean): void;
  setScale(scale: string, range: { min: number; max: number }): void;
  setSize(size: PlotSize): void;
  valToPos(value: number, scale: string, canvasPixels: boolean): number;
}
