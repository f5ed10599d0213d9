/** Metrics in groups by the first part of their names, in an order people expect. Pure. */

export interface MetricGroup {
  name: string;
  metrics: string[];
}

export const UNGROUPED = "Metrics";

export function groupMetrics(names: Iterable<string>): MetricGroup[] {
  const groups = new Map<string, string[]>();
  for (const name of new Set(names)) {
    const slash = name.indexOf("/");
    const group = slash > 0 ? name.slice(0, slash) : UNGROUPED;
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  return [...groups]
    .map(([name, metrics]) => ({ name, metrics: metrics.sort(compare) }))
    .sort((a, b) => Number(b.name === UNGROUPED) - Number(a.name === UNGROUPED) || compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
