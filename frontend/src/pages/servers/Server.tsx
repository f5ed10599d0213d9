/** One connection with its syncs. */
import { Button, Group, Modal } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Link } from "wouter";
import { makeUrl } from "@/api/client";
import type { Connection } from "@/api/status";
import { Since } from "@/components/Age";
import { ErrorNote } from "@/components/ErrorNote";
import { judge, Lamp, lastSeen } from "@/components/Lamp";
import { Name } from "@/components/Name";
import { TryNow } from "@/components/TryNow";
import { formatBytes } from "@/format/bytes";
import { countOf } from "@/format/numbers";
import { formatDuration } from "@/format/times";
import { AuditLog } from "./AuditLog";
import { useDisconnect } from "./actions";
import classes from "./Servers.module.css";
import { SyncCard } from "./SyncCard";

export function Server({ connection }: { connection: Connection }) {
  const [isAuditShown, audit] = useDisclosure();
  const id = connection.connection_id;
  const state = judge(connection);
  return (
    <section className={classes.server} aria-label={connection.server || id}>
      <header className={classes.head}>
        <h2>
          <Name text={connection.server || id} />
        </h2>
        <Lamp state={state} since={lastSeen(connection)} />
        <span className={classes.id}>
          <Name text={id} isCopied kept={14} />
        </span>
        <Group gap="xs" justify="flex-end" className={classes.actions}>
          <TryNow connection={connection} />
          {state === "live" ? (
            <Button variant="default" component={Link} href={makeUrl("/connect", { query: { to: id } })}>
              Add a folder
            </Button>
          ) : (
            <Button
              variant={state === "reconnecting" ? "default" : undefined}
              component={Link}
              href={makeUrl("/connect", { query: { where: id } })}
            >
              Connect again
            </Button>
          )}
          <Button variant="default" onClick={audit.toggle} aria-expanded={isAuditShown}>
            Audit log
          </Button>
          <Disconnect connection={connection} />
        </Group>
      </header>
      {state !== "live" && connection.last_error && (
        <div className={classes.trouble}>
          <ErrorNote error={connection.last_error} />
        </div>
      )}
      <Facts connection={connection} />
      {isAuditShown && <AuditLog connectionId={id} />}
      {connection.syncs.map((sync) => (
        <SyncCard key={sync.sync_id} sync={sync} connectionId={id} isLive={state === "live"} />
      ))}
      {connection.syncs.length === 0 && (
        <p className={classes.none}>
          Nothing is copied from here yet.{" "}
          {state === "live" && <Link href={makeUrl("/connect", { query: { to: id } })}>Choose a folder</Link>}
        </p>
      )}
    </section>
  );
}

function Facts({ connection }: { connection: Connection }) {
  const { transport, transport_reason, fingerprint } = connection;
  const uptime = connection.connection.uptime_seconds;
  return (
    <dl className={classes.facts}>
      {uptime != null && (
        <Fact name="Connected for">
          <Uptime key={Math.floor(Date.now() / 1000 - uptime)} seconds={uptime} />
        </Fact>
      )}
      <Fact name="In the index">
        {countOf(connection.cached_experiments, "run")}, {countOf(connection.cached_artifacts, "artifact")}
      </Fact>
      <Fact name="Exchanged">
        {formatBytes(connection.received_bytes ?? 0)} in, {formatBytes(connection.sent_bytes ?? 0)} out
      </Fact>
      {transport && (
        <Fact name="Reached by">
          {transport === "agent" ? "the agent" : transport.toUpperCase()}{" "}
          <span className="dim">{transport_reason}</span>
        </Fact>
      )}
      {fingerprint && (
        <Fact name="Host key">
          <code>{fingerprint}</code>
        </Fact>
      )}
    </dl>
  );
}

function Uptime({ seconds }: { seconds: number }) {
  return <Since at={Date.now() / 1000 - seconds} format={formatDuration} />;
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Disconnect({ connection }: { connection: Connection }) {
  const [isOpen, { open, close }] = useDisclosure();
  const disconnection = useDisconnect();
  return (
    <>
      <Button variant="default" onClick={open}>
        Disconnect
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={`Disconnect ${connection.server || connection.connection_id}?`}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <p className={classes.plain}>
          Its syncs end, and what runs for Runferry on the server ends too. Everything that was copied stays
          here and can be looked at as before.
        </p>
        {disconnection.isError && <ErrorNote error={disconnection.error} />}
        <Group justify="flex-end" mt="md" gap="xs">
          <Button variant="default" onClick={close} data-autofocus>
            Cancel
          </Button>
          <Button
            loading={disconnection.isPending}
            onClick={() => disconnection.mutate(connection.connection_id, { onSuccess: close })}
          >
            Disconnect
          </Button>
        </Group>
      </Modal>
    </>
  );
}
