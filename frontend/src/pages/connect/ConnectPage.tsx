/** From an address to runs on the screen: where, which folder, how much of it. Anything else is asked only when needed. */
import { useState } from "react";
import { useLocation, useSearchParams } from "wouter";
import { useConnections } from "@/api/status";
import { Page } from "@/components/Page";
import type { Location } from "@/format/location";
import classes from "./Connect.module.css";
import { CredentialsForm } from "./CredentialsForm";
import { Failure } from "./Failure";
import { FolderBrowser } from "./FolderBrowser";
import { ChangedKey, NewKey } from "./HostKeys";
import type { Connected } from "./login";
import { ModeChoice } from "./ModeChoice";
import { Questions } from "./Questions";
import { useLogin } from "./useLogin";
import { Where } from "./Where";

interface Place {
  connectionId: string;
  server: string;
  /** Where to begin to browse; empty: the home directory. */
  path: string;
  /** Of the host key, where this login was the first to see it. */
  newFingerprint: string | null;
}

export default function ConnectPage() {
  const [place, setPlace] = useState<Place | null>(null);
  const [folder, setFolder] = useState<string | null>(null);
  const [search] = useSearchParams();
  const [, navigate] = useLocation();
  const connections = useConnections();
  const login = useLogin((connected, location) => setPlace(makePlace(connected, location)));
  const asked = search.get("to");
  const open = connections?.find((one) => one.connection_id === asked && one.state === "connected");
  const here = place ?? (open ? { ...fromOpen(open.connection_id, open.server) } : null);

  function startOver(): void {
    setPlace(null);
    setFolder(null);
    login.cancel();
    if (asked) navigate("/connect", { replace: true });
  }

  if (here && folder !== null) {
    return (
      <Page title="How much of it?">
        <ModeChoice
          connectionId={here.connectionId}
          server={here.server}
          folder={folder}
          onBack={() => setFolder(null)}
          onDone={() => navigate("/runs")}
        />
      </Page>
    );
  }
  if (here) {
    return (
      <Page title={`Which folder on ${here.server}?`} isFilling>
        {here.newFingerprint && (
          <p className={classes.hint}>
            First visit: the server’s key <code>{here.newFingerprint}</code> is now remembered, and another
            one will be refused.
          </p>
        )}
        <FolderBrowser
          connectionId={here.connectionId}
          start={here.path || "~"}
          onChoose={setFolder}
          onBack={startOver}
        />
      </Page>
    );
  }
  return (
    <Page title="Connect">
      <div className={classes.narrow}>
        <Where
          initial={search.get("where") ?? ""}
          isBusy={login.isBusy}
          onConnect={login.begin}
          onOpen={(id, server) => setPlace(fromOpen(id, server))}
          onCancel={login.cancel}
        >
          <Needed login={login} />
        </Where>
      </div>
    </Page>
  );
}

/** What the last try asks for. */
function Needed({ login }: { login: ReturnType<typeof useLogin> }) {
  const { refusal, location } = login;
  if (!refusal || !location) return null;
  switch (refusal.kind) {
    case "credentials":
      return (
        <CredentialsForm
          login={login}
          location={location}
          detail={refusal.detail}
          needsUser={refusal.needsUser}
        />
      );
    case "questions":
      return (
        <Questions
          key={refusal.attempt}
          server={location.host}
          prompts={refusal.prompts}
          isBusy={login.isBusy}
          onAnswer={(answers) => login.answer(refusal.attempt, answers)}
          onCancel={login.cancel}
        />
      );
    case "new-key":
      return (
        <NewKey
          host={refusal.host}
          fingerprint={refusal.fingerprint}
          isBusy={login.isBusy}
          onTrust={() => login.trust(refusal.fingerprint)}
          onCancel={login.cancel}
        />
      );
    case "changed-key":
      return (
        <ChangedKey
          host={refusal.host}
          fingerprint={refusal.fingerprint}
          known={refusal.known}
          isBusy={login.isBusy}
          onReplace={() => login.replaceKey(refusal.fingerprint)}
          onCancel={login.cancel}
        />
      );
    default:
      return <Failure refusal={refusal} onRetry={() => login.retry(null)} />;
  }
}

function makePlace(connected: Connected, location: Location): Place {
  return {
    connectionId: connected.connection_id,
    server: connected.host,
    path: location.path,
    newFingerprint: connected.host_key === "added" ? connected.fingerprint : null,
  };
}

function fromOpen(connectionId: string, server: string): Place {
  return { connectionId, server: server || connectionId, path: "", newFingerprint: null };
}
