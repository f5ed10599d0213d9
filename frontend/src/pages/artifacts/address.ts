/** Addresses of artifacts: names may repeat, so what tells them apart goes along. Pure. */

export interface ArtifactPlace {
  name: string;
  type?: string | null;
  server?: string | null;
  root?: string | null;
  version?: number | null;
}

export function makeArtifactPath({ name, type, server, root, version }: ArtifactPlace): string {
  const search = new URLSearchParams();
  if (type) search.set("type", type);
  if (server) search.set("server", server);
  if (root) search.set("root", root);
  if (version !== null && version !== undefined) search.set("version", String(version));
  const path = `/artifacts/${name.split("/").map(encodeURIComponent).join("/")}`;
  return search.size > 0 ? `${path}?${search}` : path;
}
