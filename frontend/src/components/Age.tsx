/** How long ago something was, kept true; the exact moment is its title. */
import { formatAge, formatAgo, formatMoment } from "@/format/times";
import { useNow } from "./now";

interface Props {
  at: number | null | undefined;
  /** Beside a word for what has been so for that long; it says nothing in the first moment. */
  isBare?: boolean;
}

export function Age(props: Props) {
  return (
    <time title={formatMoment(props.at)}>
      <AgeText {...props} />
    </time>
  );
}

export function AgeText({ at, isBare = false }: Props) {
  return <>{useNow((now) => (isBare ? formatAge(at, now).replace("now", "") : formatAgo(at, now)))}</>;
}

/** A duration that grows while its thing runs. */
export function Since({ at, format }: { at: number; format: (seconds: number) => string }) {
  return <>{useNow((now) => format(Math.max(0, Math.floor(now - at))))}</>;
}
