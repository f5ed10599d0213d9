/** One plot on a canvas: its data never pass through React. It draws what it is given and tells what the reader does. */
import uPlot from "uplot";
import { type Aligned, findExtent, pad, readAt } from "./align";
import type { PlotColors } from "./colors";
import type { Axis, Range } from "./curves";
import { formatAxisTime, formatTick } from "./ticks";
import { Tip } from "./tip";

export interface PlotLine {
  label: string;
  color: string;
}

export interface Drawn {
  aligned: Aligned;
  lines: readonly PlotLine[];
  range: Range | null;
  /** Where values are NaN or infinite: marked at the axis. */
  strange: readonly number[];
  isSmooth: boolean;
}

export interface PlotSetting {
  axis: Axis;
  isLog: boolean;
  colors: PlotColors;
  onZoom: (range: Range | null) => void;
}

const SYNC = "runferry";
const FAINT = 0.28;
const EMPTY: Drawn = { aligned: { x: [], lines: [] }, lines: [], range: null, strange: [], isSmooth: false };

const TICKS = 56;

/** As wide as the longest of the numbers: one that is cut is another number. */
function measureTicks(plot: uPlot, values: readonly string[] | null): number {
  const { ctx } = plot;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  const widest = Math.max(0, ...(values ?? []).map((one) => ctx.measureText(one).width));
  ctx.restore();
  return Math.max(TICKS, Math.ceil(widest / devicePixelRatio) + 14);
}

export class Plot {
  private plot: uPlot | null = null;
  private drawn = EMPTY;
  private shape = "";
  private readonly tip: Tip;

  constructor(
    private readonly host: HTMLElement,
    private readonly setting: PlotSetting,
  ) {
    this.tip = new Tip(host);
  }

  draw(drawn: Drawn): void {
    this.drawn = drawn;
    const shape = JSON.stringify([drawn.lines, drawn.isSmooth]);
    if (this.plot === null || shape !== this.shape) {
      this.shape = shape;
      this.plot?.destroy();
      this.plot = new uPlot(this.makeOptions(), this.makeData(), this.host);
    } else {
      this.plot.setData(this.makeData());
    }
  }

  resize(): void {
    this.plot?.setSize(this.measure());
  }

  /** The picture as it stands, on the page's ground. */
  paint(): Promise<Blob | null> {
    const source = this.plot?.ctx.canvas;
    const copy = document.createElement("canvas");
    copy.width = source?.width ?? 1;
    copy.height = source?.height ?? 1;
    const context = copy.getContext("2d");
    if (context && source) {
      context.fillStyle = this.setting.colors.ground;
      context.fillRect(0, 0, copy.width, copy.height);
      context.drawImage(source, 0, 0);
    }
    return new Promise((resolve) => copy.toBlob(resolve, "image/png"));
  }

  destroy(): void {
    this.plot?.destroy();
    this.plot = null;
    this.tip.destroy();
  }

  private measure(): { width: number; height: number } {
    return { width: Math.max(120, this.host.clientWidth), height: Math.max(100, this.host.clientHeight) };
  }

  /** Each run has its raw line and, where one smooths, another above it. */
  private makeData(): uPlot.AlignedData {
    const { aligned, isSmooth } = this.drawn;
    const columns = aligned.lines.flatMap((one) => (isSmooth ? [one.last, one.smooth] : [one.last]));
    return [aligned.x, ...columns] as uPlot.AlignedData;
  }

  private makeOptions(): uPlot.Options {
    const { isLog, axis, colors, onZoom } = this.setting;
    const grid = { stroke: colors.line, width: 1 };
    const common = {
      stroke: colors.text,
      grid,
      ticks: { ...grid, size: 4 },
      font: "11px system-ui, sans-serif",
    };
    return {
      ...this.measure(),
      legend: { show: false },
      padding: [8, 10, 0, 0],
      scales: {
        x: { time: axis === "wall", range: () => this.rangeX() },
        y: { distr: isLog ? 3 : 1, range: () => this.rangeY() },
      },
      axes: [
        { ...common, size: 26, ...(axis === "time" ? { values: (_, all) => all.map(formatAxisTime) } : {}) },
        { ...common, size: measureTicks, values: (_, all) => all.map(formatTick) },
      ],
      cursor: {
        sync: { key: SYNC, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 5 },
        bind: {
          dblclick: () => () => {
            onZoom(null);
            return null;
          },
        },
      },
      series: [{}, ...this.makeSeries()],
      hooks: {
        setSelect: [(plot) => this.takeSelection(plot)],
        setCursor: [(plot) => this.showValues(plot)],
        draw: [(plot) => this.markStrange(plot)],
      },
    };
  }

  private makeSeries(): uPlot.Series[] {
    return this.drawn.lines.flatMap(({ color }, place) => {
      const few = { show: (plot: uPlot) => plot.data[0].length <= 60, size: 4 };
      const raw: uPlot.Series = {
        stroke: color,
        width: 1.25,
        points: few,
        paths: (plot, _, from, to) => this.trace(plot, place, from, to),
      };
      if (!this.drawn.isSmooth) return [raw];
      const above: uPlot.Series = { stroke: color, width: 1.5, points: { show: false }, spanGaps: true };
      return [{ ...raw, alpha: FAINT }, above];
    });
  }

  /** A line through the buckets that goes over the extremes of each, so that no spike is lost. */
  private trace(plot: uPlot, place: number, from: number, to: number): uPlot.Series.Paths {
    const line = this.drawn.aligned.lines[place];
    const x = this.drawn.aligned.x;
    const path = new Path2D();
    let isDown = false;
    for (let index = Math.max(0, from - 1); line && index <= Math.min(to + 1, x.length - 1); index += 1) {
      const last = line.last[index];
      if (last === undefined) continue;
      if (last === null) {
        isDown = false;
        continue;
      }
      const left = plot.valToPos(x[index] as number, "x", true);
      const top = (value: number | null | undefined) => plot.valToPos(value ?? last, "y", true);
      if (isDown) path.lineTo(left, top(line.low[index]));
      else path.moveTo(left, top(line.low[index]));
      if (line.high[index] !== line.low[index]) {
        path.lineTo(left, top(line.high[index]));
        path.lineTo(left, top(last));
      }
      isDown = true;
    }
    return { stroke: path, fill: null, clip: null, band: null, flags: 1 };
  }

  private rangeX(): [number, number] {
    const { range, aligned, strange } = this.drawn;
    if (range) return [range[0], range[1]];
    const first = Math.min(aligned.x[0] ?? Number.POSITIVE_INFINITY, ...strange.slice(0, 1));
    const end = Math.max(aligned.x.at(-1) ?? Number.NEGATIVE_INFINITY, ...strange.slice(-1));
    if (!(first <= end)) return [0, 1];
    return first === end ? [first - 0.5, end + 0.5] : [first, end];
  }

  private rangeY(): [number, number] {
    const extent = findExtent(this.drawn.aligned);
    return extent ? pad(extent, this.setting.isLog) : this.setting.isLog ? [0.1, 1] : [0, 1];
  }

  private takeSelection(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 5) return;
    const range: Range = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.setting.onZoom(range);
  }

  private showValues(plot: uPlot): void {
    const { idx, left = -1, top = -1 } = plot.cursor;
    const isHere = plot.root.matches(":hover");
    if (idx == null || left < 0 || !isHere) {
      this.tip.hide();
      return;
    }
    const rows = this.drawn.lines.map((line, place) => {
      const columns = this.drawn.aligned.lines[place];
      const values = this.drawn.isSmooth ? columns?.smooth : columns?.last;
      return { ...line, value: readAt(values ?? [], idx) };
    });
    const at = { left: left + plot.over.offsetLeft, top: top + plot.over.offsetTop };
    this.tip.show(at, this.drawn.aligned.x[idx] ?? 0, this.setting.axis, rows);
  }

  private markStrange(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = this.setting.colors.text;
    ctx.lineWidth = devicePixelRatio;
    const size = 3 * devicePixelRatio;
    for (const x of this.drawn.strange) {
      const left = plot.valToPos(x, "x", true);
      if (left < bbox.left || left > bbox.left + bbox.width) continue;
      const top = bbox.top + bbox.height - size - 1;
      ctx.beginPath();
      ctx.moveTo(left - size, top - size);
      ctx.lineTo(left + size, top + size);
      ctx.moveTo(left + size, top - size);
      ctx.lineTo(left - size, top + size);
      ctx.stroke();
    }
    ctx.restore();
  }
}
