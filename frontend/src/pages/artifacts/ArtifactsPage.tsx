/** The artifacts of all servers. */
import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { get } from "@/api/client";
import { Age } from "@/components/Age";
import { ConnectFirst } from "@/components/ConnectFirst";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Name } from "@/components/Name";
import { Page } from "@/components/Page";
import { Bytes } from "@/components/Values";
import { countOf } from "@/format/numbers";
import { makeArtifactPath } from "./address";
import classes from "./artifacts.module.css";

export default function ArtifactsPage() {
  const [wanted, setWanted] = useState("");
  const query = useQuery({
    queryKey: ["runs", "artifacts"],
    queryFn: ({ signal }) => get("/api/artifacts", { signal }),
  });
  const text = wanted.trim().toLowerCase();
  const shown = (query.data ?? []).filter((one) =>
    `${one.name} ${one.type} ${one.server}`.toLowerCase().includes(text),
  );
  return (
    <Page title="Artifacts" note={query.data?.length ? countOf(query.data.length, "artifact") : undefined}>
      {query.error && <ErrorNote error={query.error} onRetry={() => query.refetch()} />}
      {query.isPending && <Loading what="the artifacts" />}
      {query.data?.length === 0 && (
        <EmptyState title="No artifacts yet">
          <p>
            Models and datasets that runs store appear here with their versions, as soon as a folder that
            holds them is synced.
          </p>
          <ConnectFirst />
        </EmptyState>
      )}
      {query.data && query.data.length > 0 && (
        <>
          <TextInput
            data-page-filter
            w={280}
            mb={8}
            aria-label="Filter the artifacts"
            placeholder="Filter by name, type or server"
            value={wanted}
            onChange={(event) => setWanted(event.currentTarget.value)}
          />
          {shown.length === 0 && <p className="dim">No artifact matches.</p>}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard */}
          <div className={classes.scroll} tabIndex={0} role="region" aria-label="All artifacts">
            <table className={classes.table}>
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Type</th>
                  <th scope="col">Server</th>
                  <th scope="col" className="num">
                    Versions
                  </th>
                  <th scope="col">Aliases</th>
                  <th scope="col" className="num">
                    Latest
                  </th>
                  <th scope="col">Changed</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((one) => (
                  <tr key={`${one.server} ${one.root} ${one.type} ${one.name}`}>
                    <td>
                      <Link href={makeArtifactPath(one)}>
                        <Name text={one.name} />
                      </Link>
                    </td>
                    <td>{one.type}</td>
                    <td>{one.server}</td>
                    <td className="num">{one.num_versions}</td>
                    <td>
                      {Object.entries(one.aliases).map(([alias, version]) => (
                        <span key={alias} className={classes.alias}>
                          {alias}: v{version}
                        </span>
                      ))}
                    </td>
                    <td className="num">
                      <Bytes size={one.size_bytes} />
                    </td>
                    <td>
                      <Age at={one.updated_at ?? one.created_at} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </Page>
  );
}
