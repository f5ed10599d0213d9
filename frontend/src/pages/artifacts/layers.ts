/** Lays a lineage out in layers, from what was first to what came of it. Pure. */

export interface Placed {
  id: string;
  layer: number;
  /** The place within its layer, from the top. */
  row: number;
}

export interface Link {
  source: string;
  target: string;
}

/** Each node lies behind all it comes from; within a layer, near what it comes from. Circles are cut where they close. */
export function layOut(ids: readonly string[], links: readonly Link[]): Placed[] {
  const known = new Set(ids);
  const before = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { source, target } of links) {
    if (known.has(source) && known.has(target) && source !== target) before.get(target)?.push(source);
  }
  const layers = new Map<string, number>();
  const open = new Set<string>();
  function findLayer(id: string): number {
    const found = layers.get(id);
    if (found !== undefined) return found;
    if (open.has(id)) return -1; // a circle: this link does not count
    open.add(id);
    const layer = Math.max(-1, ...(before.get(id) ?? []).map(findLayer)) + 1;
    open.delete(id);
    layers.set(id, layer);
    return layer;
  }
  for (const id of ids) findLayer(id);
  const rows = new Map<string, number>();
  const placed: Placed[] = [];
  const deepest = Math.max(-1, ...layers.values());
  for (let layer = 0; layer <= deepest; layer += 1) {
    const here = ids.filter((id) => layers.get(id) === layer);
    const wish = (id: string) => {
      const parents = (before.get(id) ?? []).flatMap((one) => rows.get(one) ?? []);
      return parents.length ? parents.reduce((sum, row) => sum + row, 0) / parents.length : 0;
    };
    here.sort((a, b) => wish(a) - wish(b) || a.localeCompare(b));
    here.forEach((id, row) => {
      rows.set(id, row);
      placed.push({ id, layer, row });
    });
  }
  return placed;
}
