/** Where a version comes from and what came of it, from left to right; every known node leads on. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { get, type Schema } from "@/api/client";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { cutMiddle } from "@/format/names";
import { makeRunPath } from "@/shell/paths";
import { type ArtifactPlace, makeArtifactPath } from "./address";
import classes from "./artifacts.module.css";
import { layOut } from "./layers";

type Node = Schema<"NodeAnswer">;

const WIDTH = 220;
const HEIGHT = 44;
const ACROSS = 70;
const DOWN = 14;
const MARGIN = 12;

interface Props {
  name: string;
  type: string | undefined;
  server: string | undefined;
  root: string | undefined;
  version: number;
}

export function Lineage({ name, version, type, server, root }: Props) {
  const query = useQuery({
    queryKey: ["runs", "artifact", { name, type, server, root }, version, "lineage"],
    queryFn: ({ signal }) =>
      get("/api/artifacts/{name}/v{version}/lineage", {
        params: { name, version },
        query: { type, server, root },
        signal,
      }),
  });
  return (
    <section className={classes.section} aria-label="Lineage">
      <h2>Lineage of v{version}</h2>
      {query.error && <ErrorNote error={query.error} onRetry={() => query.refetch()} />}
      {query.isPending && <Loading what="the lineage" />}
      {query.data && <Graph graph={query.data} />}
      {query.data && !query.data.is_whole && <p className="dim">It goes on: these are the nearest 2,000.</p>}
    </section>
  );
}

function Graph({ graph }: { graph: Schema<"LineageAnswer"> }) {
  const placed = layOut(
    graph.nodes.map((node) => node.node_id),
    graph.edges,
  );
  const at = new Map(
    placed.map(({ id, layer, row }) => [
      id,
      { x: MARGIN + layer * (WIDTH + ACROSS), y: MARGIN + row * (HEIGHT + DOWN) },
    ]),
  );
  const all = [...at.values()];
  const width = Math.max(0, ...all.map((one) => one.x)) + WIDTH + MARGIN;
  const height = Math.max(0, ...all.map((one) => one.y)) + HEIGHT + MARGIN;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard
    <div className={classes.graph} tabIndex={0} role="region" aria-label="Graph">
      <svg width={width} height={height} role="group" aria-label="What was made from what">
        {graph.edges.map(({ source, target }) => {
          const from = at.get(source);
          const to = at.get(target);
          if (!from || !to) return null;
          const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2, to.x, to.y + HEIGHT / 2];
          const path = `M${x1} ${y1} C${x1 + 35} ${y1} ${x2 - 35} ${y2} ${x2} ${y2}`;
          return <path key={`${source}\n${target}`} className={classes.edge} d={path} />;
        })}
        {graph.nodes.map((node) => {
          const place = at.get(node.node_id);
          return place ? (
            <Box key={node.node_id} node={node} {...place} isRoot={node.node_id === graph.root_artifact} />
          ) : null;
        })}
      </svg>
    </div>
  );
}

function Box({ node, x, y, isRoot }: { node: Node; x: number; y: number; isRoot: boolean }) {
  const path = findPath(node);
  const name = `${node.node_type} ${node.label}`; // the box has room for a part of it
  const box = (
    <g
      role={path ? undefined : "img"}
      aria-label={path ? undefined : name}
      className={classes.node}
      data-kind={node.node_type}
      data-root={isRoot || undefined}
      transform={`translate(${x} ${y})`}
    >
      <title>{node.label}</title>
      <rect width={WIDTH} height={HEIGHT} rx={node.node_type === "run" ? 12 : 3} />
      <text x={10} y={18} className={classes.kind}>
        {node.node_type === "run" ? "run" : String(node.metadata.type ?? "artifact")}
      </text>
      <text x={10} y={35}>
        {cutMiddle(node.label, 26)}
      </text>
    </g>
  );
  return path ? (
    <Link href={path} aria-label={name}>
      {box}
    </Link>
  ) : (
    box
  );
}

/** Where a node leads; null where nothing more is known of it. */
function findPath({ node_type, node_id, metadata }: Node): string | null {
  if (metadata.is_known === false) return null;
  if (node_type === "run") return makeRunPath(node_id);
  const { name, type, server, root, version } = metadata as unknown as ArtifactPlace;
  return typeof name === "string" ? makeArtifactPath({ name, type, server, root, version }) : null;
}
