/** Every command that was run on a server and every request made of it, for its owner to read. */

import { useQuery } from "@tanstack/react-query";
import { get } from "@/api/client";
import { keys } from "@/api/keys";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { formatBytes } from "@/format/bytes";
import { reveal } from "@/format/names";
import { formatCount } from "@/format/numbers";
import { formatMoment } from "@/format/times";
import classes from "./Servers.module.css";

const EVERY = 3000;
const SHOWN = 300;

export function AuditLog({ connectionId }: { connectionId: string }) {
  const audit = useQuery({
    queryKey: keys.audit(connectionId),
    queryFn: ({ signal }) =>
      get("/api/unified/audit", { query: { connection_id: connectionId, limit: SHOWN }, signal }),
    refetchInterval: EVERY,
  });
  if (audit.isPending) return <Loading what="the audit log" />;
  if (audit.isError) return <ErrorNote error={audit.error} onRetry={() => audit.refetch()} />;
  const entries = [...audit.data.entries].reverse();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by keyboard
    <div className={classes.audit} role="region" aria-label="Audit log" tabIndex={0}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">What</th>
            <th scope="col">Of what</th>
            <th scope="col" className="num">
              Times
            </th>
            <th scope="col" className="num">
              Read
            </th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.number}>
              <td className={classes.when}>{formatMoment(entry.until).slice(11)}</td>
              <td>{entry.kind}</td>
              <td className={classes.path}>{reveal(entry.text)}</td>
              <td className="num">{entry.times > 1 ? formatCount(entry.times) : ""}</td>
              <td className="num">{entry.bytes > 0 ? formatBytes(entry.bytes) : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
