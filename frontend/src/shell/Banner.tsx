/** What one must know of all that a page shows, in a line above it: Runferry unreachable, a server offline with the age
 * of its data, runs that are a demo. */
import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { explain, UNREACHABLE } from "@/api/client";
import { useDemo, useDemoChange } from "@/api/demo";
import { useStreamState } from "@/api/events";
import { type Connection, useConnections, useStatus } from "@/api/status";
import { Age, Since } from "@/components/Age";
import { judge, lastSeen } from "@/components/Lamp";
import { TryNow } from "@/components/TryNow";
import classes from "./Banner.module.css";

export function Banner() {
  const stream = useStreamState();
  const status = useStatus();
  const client = useQueryClient();
  const connections = useConnections() ?? [];
  if (stream === "lost" && status.isError) {
    return (
      <div className={classes.banner} role="alert" data-kind="bad">
        <span>{UNREACHABLE} What you see may be old.</span>
        <Button variant="default" size="compact-xs" onClick={() => client.refetchQueries()}>
          Try now
        </Button>
      </div>
    );
  }
  return (
    <>
      <DemoNote />
      {connections
        .filter((one) => judge(one) !== "live")
        .map((connection) => (
          <Offline key={connection.connection_id} connection={connection} />
        ))}
    </>
  );
}

function DemoNote() {
  const server = useDemo()?.server;
  const removal = useDemoChange("remove");
  if (!server) return null;
  return (
    <div className={classes.banner} role="status" data-kind="demo">
      <span>
        The server <strong>{server}</strong> is a demo, simulated on this machine. Its runs are made up, and
        end with Runferry. {removal.isError && explain(removal.error)}
      </span>
      <Button
        variant="default"
        size="compact-xs"
        loading={removal.isPending}
        onClick={() => removal.mutate()}
      >
        Remove the demo
      </Button>
    </div>
  );
}

function Offline({ connection }: { connection: Connection }) {
  const seen = lastSeen(connection);
  const next = connection.connection.next_try_in_seconds;
  return (
    <div className={classes.banner} role="status">
      <span>
        <strong>{connection.server || connection.connection_id}</strong>{" "}
        {judge(connection) === "reconnecting" ? "is not reached" : "is offline"}
        {seen ? (
          <>
            ; its data is from <Age at={seen} />
          </>
        ) : null}
        . {connection.last_error}
        {next != null && <NextTry key={next} inSeconds={next} />}
      </span>
      <TryNow connection={connection} size="compact-xs" variant="default" />
      <Link href="/servers">{judge(connection) === "reconnecting" ? "Details" : "Connect again"}</Link>
    </div>
  );
}

function NextTry({ inSeconds }: { inSeconds: number }) {
  const [at] = useState(() => Date.now() / 1000);
  return (
    <>
      {" "}
      <Since
        at={at}
        format={(passed) => `Trying again in ${Math.max(0, Math.ceil(inSeconds - passed))} s.`}
      />
    </>
  );
}
