/** What a run made and what it used. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { get, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Bytes } from "@/components/Values";
import { makeArtifactPath } from "../artifacts/address";
import classes from "./run.module.css";

type Item = Schema<"RunArtifactAnswer">;

export function Artifacts({ run }: { run: string }) {
  const query = useQuery({
    queryKey: [...keys.run(run), "artifacts"],
    queryFn: ({ signal }) => get("/api/runs/{run_id}/artifacts", { params: { run_id: run }, signal }),
  });
  if (query.error) return <ErrorNote error={query.error} onRetry={() => query.refetch()} />;
  if (!query.data) return <Loading what="the artifacts" />;
  return (
    <div className={classes.columns}>
      <Items title="Made" items={query.data.created} />
      <Items title="Used" items={query.data.used} />
    </div>
  );
}

function Items({ title, items }: { title: string; items: readonly Item[] }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {items.length === 0 ? (
        <p className="dim">None.</p>
      ) : (
        <table className={classes.table}>
          <tbody>
            {items.map((one) => (
              <tr key={`${one.type} ${one.name} ${one.version} ${one.uri}`}>
                <td>
                  {one.is_known ? <Link href={makeArtifactPath(one)}>{nameOf(one)}</Link> : nameOf(one)}
                  {!one.is_known && <div className="dim">{one.uri ?? "not stored"}</div>}
                </td>
                <td>{one.type}</td>
                <td className="num">
                  <Bytes size={one.size_bytes} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function nameOf({ name, version }: Item): string {
  return version === null ? name : `${name}:v${version}`;
}
