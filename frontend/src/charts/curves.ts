/** Asks for curves: what many plots want at the same moment goes in one request. It keeps no curves. */
import { get, type Schema } from "@/api/client";

export type Axis = "step" | "time" | "wall";
export type Range = readonly [number, number];
export type ApiCurve = Schema<"CurveAnswer">;

export interface CurvesWanted {
  runs: readonly string[];
  metric: string;
  axis: Axis;
  /** What to show of x; null: all of it. */
  range: Range | null;
  width: number;
}

/** One metric of each run that has it, by the run's key. */
export interface Curves {
  curves: Map<string, ApiCurve>;
  /** Runs that could not be asked, with the reason. */
  missing: { key: string; detail: string }[];
}

interface Waiting {
  wanted: CurvesWanted;
  resolve: (curves: Curves) => void;
  reject: (reason: unknown) => void;
}

const MOST_METRICS = 24;
let waiting: Waiting[] = [];

export function fetchCurves(wanted: CurvesWanted): Promise<Curves> {
  return new Promise((resolve, reject) => {
    if (waiting.length === 0) queueMicrotask(send);
    waiting.push({ wanted, resolve, reject });
  });
}

function send(): void {
  const all = waiting;
  waiting = [];
  const batches = new Map<string, Waiting[]>();
  for (const one of all) {
    const { runs, axis, range, width } = one.wanted;
    const key = JSON.stringify([runs, axis, range, width]);
    batches.set(key, [...(batches.get(key) ?? []), one]);
  }
  for (const batch of batches.values()) {
    for (let start = 0; start < batch.length; start += MOST_METRICS) {
      void ask(batch.slice(start, start + MOST_METRICS));
    }
  }
}

async function ask(batch: Waiting[]): Promise<void> {
  const first = batch[0]?.wanted;
  if (!first) return;
  try {
    const answer = await get("/api/series", {
      query: {
        key: [...first.runs],
        metric: [...new Set(batch.map((one) => one.wanted.metric))],
        x: first.axis,
        width: first.width,
        from: first.range?.[0],
        to: first.range?.[1],
      },
    });
    for (const one of batch) one.resolve(pick(answer, one.wanted));
  } catch (error) {
    for (const one of batch) one.reject(error);
  }
}

function pick(answer: Schema<"ManySeriesAnswer">, { metric, runs }: CurvesWanted): Curves {
  const curves = new Map<string, ApiCurve>();
  for (const run of answer.runs) {
    const found = run.series.filter((one) => one.key === metric && one.kind !== "text");
    const curve = found.find((one) => one.kind === "number") ?? found[0];
    if (curve) curves.set(run.run, curve);
  }
  return { curves, missing: answer.missing_runs.filter((one) => runs.includes(one.key)) };
}
