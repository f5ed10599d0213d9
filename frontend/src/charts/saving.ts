/** Saves what a chart shows: the picture, or every point of its runs exactly as it was written. */
import { get } from "@/api/client";

const PAGE = 200_000;

export function saveBlob(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\w.-]+/g, "_");
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Write `run,metric,step,time,value`, a line per point. */
export async function savePoints(runs: readonly string[], metric: string): Promise<void> {
  const parts = ["run,metric,step,time,value\n"];
  for (const run of runs) {
    let offset: number | null = 0;
    while (offset !== null) {
      const page: Awaited<ReturnType<typeof readPoints>> = await readPoints(run, metric, offset);
      for (const series of page.series) {
        const head = `${quote(run)},${quote(metric)}`;
        parts.push(
          series.values
            .map(
              (value, place) =>
                `${head},${series.steps[place]},${series.times[place] ?? ""},${quote(String(value))}\n`,
            )
            .join(""),
        );
      }
      offset = page.next_offset;
    }
  }
  saveBlob(new Blob(parts, { type: "text/csv" }), `${metric}.csv`);
}

function readPoints(run: string, metric: string, offset: number) {
  return get("/api/runs/{run_id}/points", {
    params: { run_id: run },
    query: { metric, offset, limit: PAGE },
  });
}

/** A field of a CSV line; one that a spreadsheet would run is no formula for it. */
export function quote(text: string): string {
  const safe = /^[=+@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
