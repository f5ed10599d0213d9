/** Addresses of pages. */

/** A run's page; keys hold slashes, which stay. */
export function makeRunPath(key: string): string {
  return `/runs/${key.split("/").map(encodeURIComponent).join("/")}`;
}

/** The page that compares runs. */
export function makeComparePath(runs: Iterable<string>): string {
  const search = new URLSearchParams();
  for (const key of runs) search.append("run", key);
  return `/compare?${search}`;
}
