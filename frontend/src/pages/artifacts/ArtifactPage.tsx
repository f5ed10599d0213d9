/** One artifact: its versions, and of the chosen one its files and where it comes from. */

import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation, useSearchParams } from "wouter";
import { ApiError, get, makeUrl } from "@/api/client";
import { Age } from "@/components/Age";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Name } from "@/components/Name";
import { Page } from "@/components/Page";
import { Bytes } from "@/components/Values";
import { formatBytes } from "@/format/bytes";
import { reveal } from "@/format/names";
import { countOf } from "@/format/numbers";
import { makeRunPath } from "@/shell/paths";
import { readName } from "../run/address";
import { makeArtifactPath } from "./address";
import classes from "./artifacts.module.css";
import { Download } from "./Download";
import { Lineage } from "./Lineage";

interface Which {
  name: string;
  type: string | undefined;
  server: string | undefined;
  root: string | undefined;
}

export default function ArtifactPage() {
  useLocation(); // draws again when the address changes; the raw one is read below
  const [search] = useSearchParams();
  const read = (name: string) => search.get(name) ?? undefined;
  const name = readName(window.location.pathname, "/artifacts/");
  const which = { name, type: read("type"), server: read("server"), root: read("root") };
  const query = useQuery({
    queryKey: ["runs", "artifact", which],
    queryFn: ({ signal }) => {
      const { name: _, ...rest } = which;
      return get("/api/artifacts/{name}/versions", { params: { name }, query: rest, signal });
    },
  });
  const versions = query.data?.versions ?? [];
  const asked = search.get("version");
  const chosen = versions.find((one) => String(one.version) === asked) ?? versions[0];
  return (
    <Page
      title={name}
      note={
        query.data && `${query.data.type} on ${query.data.server}, ${countOf(versions.length, "version")}`
      }
      actions={
        <Button component={Link} href="/artifacts" variant="default">
          All artifacts
        </Button>
      }
    >
      {query.error && <Refused name={name} error={query.error} onRetry={() => query.refetch()} />}
      {query.isPending && <Loading what="the versions" />}
      {query.data && (
        <div className={classes.scroll}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Aliases</th>
                <th scope="col">Created</th>
                <th scope="col" className="num">
                  Size
                </th>
                <th scope="col" className="num">
                  Files
                </th>
                <th scope="col">Made by</th>
              </tr>
            </thead>
            <tbody>
              {versions.map((one) => (
                <tr key={one.version} data-chosen={one === chosen || undefined}>
                  <td>
                    <Link
                      href={makeArtifactPath({ ...which, version: one.version })}
                      aria-current={one === chosen ? "true" : undefined}
                    >
                      v{one.version}
                    </Link>
                  </td>
                  <td>
                    {one.aliases.map((alias) => (
                      <span key={alias} className={classes.alias}>
                        {alias}
                      </span>
                    ))}
                  </td>
                  <td>
                    <Age at={one.created_at} />
                  </td>
                  <td className="num">
                    <Bytes size={one.size_bytes} />
                  </td>
                  <td className="num">{one.num_files}</td>
                  <td>
                    {one.created_by_run && (
                      <Link href={makeRunPath(one.created_by_run)} className={classes.maker}>
                        <Name text={one.created_by_run} />
                      </Link>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {chosen && (
        <>
          <Files which={which} version={chosen.version} />
          <Lineage {...which} version={chosen.version} />
        </>
      )}
    </Page>
  );
}

/** No such artifact, or several of this name: then the queries that tell them apart are the way on. */
function Refused({ name, error, onRetry }: { name: string; error: unknown; onRetry: () => void }) {
  const candidates = error instanceof ApiError ? error.extra.candidates : undefined;
  if (!Array.isArray(candidates)) {
    return error instanceof ApiError && error.status === 404 ? (
      <ErrorNote
        error={`There is no artifact ${reveal(name)} here.`}
        hint="It may be of a server that was never copied."
      />
    ) : (
      <ErrorNote error={error} onRetry={onRetry} />
    );
  }
  return (
    <EmptyState title="Several artifacts have this name">
      {candidates.map(String).map((one) => (
        <Link key={one} href={`${makeArtifactPath({ name })}?${one.replace(/^\?/, "")}`}>
          {one}
        </Link>
      ))}
    </EmptyState>
  );
}

function Files({ which, version }: { which: Which; version: number }) {
  const { name, ...rest } = which;
  const query = useQuery({
    queryKey: ["runs", "artifact", which, version, "files"],
    queryFn: ({ signal }) =>
      get("/api/artifacts/{name}/v{version}/files", { params: { name, version }, query: rest, signal }),
  });
  return (
    <section className={classes.section} aria-label="Files">
      <h2>Files of v{version}</h2>
      {query.error && <ErrorNote error={query.error} onRetry={() => query.refetch()} />}
      {query.isPending && <Loading what="the files" />}
      {query.data && (
        <>
          <p className="dim">
            {countOf(query.data.total_files, "file")}, {formatBytes(query.data.total_size)}
            {query.data.is_remote && "; not all of it is here"}
            {!query.data.is_complete && "; as the server lists them, the manifest is not at hand"}
          </p>
          {query.data.is_remote && (
            <Download
              key={version}
              wanted={{ artifact: name, version, paths: [], ...rest }}
              label={`Download v${version}`}
            />
          )}
          <div className={classes.scroll}>
            <table className={classes.table}>
              <tbody>
                {query.data.files.map((one) => (
                  <tr key={one.path}>
                    <td>{reveal(one.path)}</td>
                    <td className="num">
                      <Bytes size={one.size} />
                    </td>
                    <td className="dim" title={one.absolute_path ?? undefined}>
                      {one.is_remote ? "on the server" : "here"}
                    </td>
                    <td>
                      <a
                        href={makeUrl("/api/artifacts/{name}/v{version}/files/{path}", {
                          params: { name, version, path: one.path },
                          query: rest,
                        })}
                        download={one.path.slice(one.path.lastIndexOf("/") + 1)}
                        aria-label={`Save ${one.path}`}
                      >
                        Save
                      </a>
                    </td>
                  </tr>
                ))}
                {query.data.references.map((one) => (
                  <tr key={one.uri}>
                    <td>{one.uri}</td>
                    <td className="num">
                      <Bytes size={one.size} />
                    </td>
                    <td className="dim">elsewhere</td>
                    <td />
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}
