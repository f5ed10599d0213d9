/** Every connection: how it is, what it copies and what it could not, what it exchanged. */
import { Button } from "@mantine/core";
import { Link } from "wouter";
import { useConnections, useStatus } from "@/api/status";
import { ConnectFirst } from "@/components/ConnectFirst";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Page } from "@/components/Page";
import { countOf } from "@/format/numbers";
import { Server } from "./Server";

export default function ServersPage() {
  const status = useStatus();
  const connections = useConnections();
  return (
    <Page
      title="Servers"
      note={connections && connections.length > 0 ? countOf(connections.length, "connection") : undefined}
      actions={
        connections && connections.length > 0 ? (
          <Button component={Link} href="/connect">
            Connect a server
          </Button>
        ) : undefined
      }
    >
      {status.isError && !connections ? (
        <ErrorNote error={status.error} onRetry={() => status.refetch()} />
      ) : connections === undefined ? (
        <Loading what="the servers" />
      ) : connections.length === 0 ? (
        <EmptyState title="No server is connected">
          <p>
            What was copied before stays here, and can be looked at under Runs. Connect to a server to follow
            what happens there.
          </p>
          <ConnectFirst />
        </EmptyState>
      ) : (
        connections.map((connection) => <Server key={connection.connection_id} connection={connection} />)
      )}
    </Page>
  );
}
