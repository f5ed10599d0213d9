/** What the list of artifacts shows, and in which order: the address's query, so that going back and reloading keep it. Pure. */
import type { Schema } from "@/api/client";

export type Artifact = Schema<"ArtifactAnswer">;

const VALUES = {
  name: (one: Artifact) => one.name,
  type: (one: Artifact) => one.type,
  server: (one: Artifact) => one.server,
  versions: (one: Artifact) => one.num_versions,
  latest: (one: Artifact) => one.size_bytes,
  changed: (one: Artifact) => one.updated_at ?? one.created_at,
} as const;

export type SortKey = keyof typeof VALUES;
export type Order = "asc" | "desc";

export interface Listing {
  q: string;
  /** Null: as they come, which is by name. */
  sort: SortKey | null;
  order: Order;
}

export function readListing(search: URLSearchParams): Listing {
  const sort = search.get("sort") ?? "";
  return {
    q: search.get("q") ?? "",
    sort: Object.hasOwn(VALUES, sort) ? (sort as SortKey) : null,
    order: search.get("order") === "desc" ? "desc" : "asc",
  };
}

export function writeListing({ q, sort, order }: Listing): URLSearchParams {
  const search = new URLSearchParams();
  if (q) search.set("q", q);
  if (sort) search.set("sort", sort);
  if (sort && order === "desc") search.set("order", order);
  return search;
}

/** Another column begins with its usual order: names from A, numbers and moments from the greatest. */
export function turn({ sort, order }: Listing, by: SortKey): Pick<Listing, "sort" | "order"> {
  if (sort === by) return { sort, order: order === "asc" ? "desc" : "asc" };
  return { sort: by, order: by === "name" || by === "type" || by === "server" ? "asc" : "desc" };
}

/** Those that match, in their order; what a value is not known of is last either way. */
export function listArtifacts(all: readonly Artifact[], { q, sort, order }: Listing): Artifact[] {
  const text = q.trim().toLowerCase();
  const found = all.filter((one) => `${one.name} ${one.type} ${one.server}`.toLowerCase().includes(text));
  if (sort === null) return found;
  const value = VALUES[sort];
  const sign = order === "asc" ? 1 : -1;
  return found.sort((one, other) => {
    const [a, b] = [value(one) ?? null, value(other) ?? null];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return sign * (typeof a === "number" ? a - (b as number) : a.localeCompare(String(b)));
  });
}
