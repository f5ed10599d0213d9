/** A try that failed for other reasons than who one is: what, what to look at, and again when it makes sense. */
import { Button } from "@mantine/core";
import { useState } from "react";
import { ErrorNote } from "@/components/ErrorNote";
import { useNow } from "@/components/now";
import type { Refusal } from "./login";

type Failed = Extract<Refusal, { kind: "failed" | "too-often" }>;

export function Failure({ refusal, onRetry }: { refusal: Failed; onRetry: () => void }) {
  if (refusal.kind === "too-often") return <TooOften seconds={refusal.seconds} onRetry={onRetry} />;
  return <ErrorNote error={refusal.detail} hint={refusal.hint} onRetry={onRetry} />;
}

/** So many tries a minute keep an account from being locked. */
function TooOften({ seconds, onRetry }: { seconds: number; onRetry: () => void }) {
  const [until] = useState(() => Date.now() / 1000 + seconds);
  const left = useNow((now) => Math.max(0, Math.ceil(until - now)));
  return (
    <ErrorNote error="Five tries a minute are allowed, so that no server locks your account.">
      <Button variant="default" disabled={left > 0} onClick={onRetry}>
        {left > 0 ? `Try again in ${left} s` : "Try again"}
      </Button>
    </ErrorNote>
  );
}
