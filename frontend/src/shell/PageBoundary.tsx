/** Stands in for a page that could not be loaded or drawn: the shell around it goes on, and so do the other pages. */
import { Component, type ReactNode, useState } from "react";
import { get } from "@/api/client";
import { useServerEvent } from "@/api/events";
import { ErrorNote } from "@/components/ErrorNote";
import { Page } from "@/components/Page";

interface Props {
  /** Another one is another try: what one page could not do is no matter of the next. */
  at: string;
  children: ReactNode;
}

interface State {
  at: string;
  isBroken: boolean;
}

export class PageBoundary extends Component<Props, State> {
  override state: State = { at: this.props.at, isBroken: false };

  static getDerivedStateFromError(): Partial<State> {
    return { isBroken: true };
  }

  static getDerivedStateFromProps({ at }: Props, before: State): Partial<State> | null {
    return at === before.at ? null : { at, isBroken: false };
  }

  override render(): ReactNode {
    return this.state.isBroken ? <Broken /> : this.props.children;
  }
}

/** Loads everything anew, as parts of another version do not fit; not before Runferry answers, or nothing would be left. */
function Broken() {
  const [error, setError] = useState<unknown>("This page could not be shown.");
  async function reload(): Promise<void> {
    try {
      await get("/api/health");
      window.location.reload();
    } catch (failure) {
      setError(failure);
    }
  }
  useServerEvent("refetch", () => void reload());
  return (
    <Page title="Not shown">
      <ErrorNote
        error={error}
        hint="Runferry may have ended, or be another version by now. Nothing is lost."
        onRetry={() => void reload()}
      />
    </Page>
  );
}
