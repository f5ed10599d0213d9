/** The artifacts of all servers. */
import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "wouter";
import { get } from "@/api/client";
import { Age } from "@/components/Age";
import { ConnectFirst } from "@/components/ConnectFirst";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Name } from "@/components/Name";
import { Page } from "@/components/Page";
import { SortButton } from "@/components/SortButton";
import { Bytes } from "@/components/Values";
import { countOf } from "@/format/numbers";
import { makeArtifactPath } from "./address";
import classes from "./artifacts.module.css";
import {
  type Artifact,
  type Listing,
  listArtifacts,
  readListing,
  type SortKey,
  turn,
  writeListing,
} from "./listing";

const COLUMNS: readonly { title: string; sort?: SortKey; isNumber?: boolean; isWide?: boolean }[] = [
  { title: "Name", sort: "name" },
  { title: "Type", sort: "type", isWide: true },
  { title: "Server", sort: "server", isWide: true },
  { title: "Versions", sort: "versions", isNumber: true },
  { title: "Aliases", isWide: true },
  { title: "Latest", sort: "latest", isNumber: true },
  { title: "Changed", sort: "changed" },
];

export default function ArtifactsPage() {
  const [search, setSearch] = useSearchParams();
  const listing = readListing(search);
  const change = (part: Partial<Listing>) =>
    setSearch((before) => writeListing({ ...readListing(before), ...part }), { replace: true });
  const query = useQuery({
    queryKey: ["runs", "artifacts"],
    queryFn: ({ signal }) => get("/api/artifacts", { signal }),
  });
  const shown = listArtifacts(query.data ?? [], listing);
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
            value={listing.q}
            onChange={(event) => change({ q: event.currentTarget.value })}
          />
          {shown.length === 0 && <p className="dim">No artifact matches.</p>}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard */}
          <div className={classes.scroll} tabIndex={0} role="region" aria-label="All artifacts">
            <table className={classes.table}>
              <thead>
                <tr>
                  {COLUMNS.map((column) => (
                    <th
                      key={column.title}
                      scope="col"
                      className={classOf(column)}
                      aria-sort={
                        column.sort && column.sort === listing.sort ? SORTED[listing.order] : undefined
                      }
                    >
                      <Title {...column} listing={listing} onSort={change} />
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {shown.map((one) => (
                  <tr key={`${one.server} ${one.root} ${one.type} ${one.name}`}>
                    <td>
                      <Link href={makeArtifactPath(one)}>
                        <Name text={one.name} />
                      </Link>
                      <div className={classes.narrow}>
                        <Name text={`${one.type} on ${one.server}`} />
                        <Aliases of={one} />
                      </div>
                    </td>
                    <td className={classes.wide}>{one.type}</td>
                    <td className={classes.wide}>{one.server}</td>
                    <td className="num">{one.num_versions}</td>
                    <td className={classes.wide}>
                      <Aliases of={one} />
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

const SORTED = { asc: "ascending", desc: "descending" } as const;

function classOf({ isNumber, isWide }: { isNumber?: boolean; isWide?: boolean }): string | undefined {
  return isWide ? classes.wide : isNumber ? "num" : undefined;
}

interface TitleProps {
  title: string;
  sort?: SortKey;
  listing: Listing;
  onSort: (change: Partial<Listing>) => void;
}

function Title({ title, sort, listing, onSort }: TitleProps) {
  if (!sort) return title;
  const order = listing.sort === sort ? listing.order : null;
  return <SortButton title={title} order={order} onClick={() => onSort(turn(listing, sort))} />;
}

function Aliases({ of }: { of: Artifact }) {
  return Object.entries(of.aliases).map(([alias, version]) => (
    <span key={alias} className={classes.alias}>
      {alias}: v{version}
    </span>
  ));
}
