/** How long ago something was, kept true; the exact moment is its title. */
import { formatAge, formatAgo, formatMoment } from "@/format/times";
import { useNow } from "./now";

export function Age({ at, isBare = false }: { at: number | null | undefined; isBare?: boolean }) {
  const text = useNow((now) => (isBare ? formatAge(at, now) : formatAgo(at, now)));
  return <time title={formatMoment(at)}>{text}</time>;
}

/** A duration that grows while its thing runs. */
export function Since({ at, format }: { at: number; format: (seconds: number) => string }) {
  return <>{useNow((now) => format(Math.max(0, Math.floor(now - at))))}</>;
}
