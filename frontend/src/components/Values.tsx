/** Numbers and sizes, short in the text and exact in the title. */
import { formatBytes, formatExactBytes } from "@/format/bytes";
import { formatExact, formatNumber } from "@/format/numbers";

export function Num({ value }: { value: number | null | undefined }) {
  return <span title={formatExact(value)}>{formatNumber(value)}</span>;
}

export function Bytes({ size }: { size: number | null | undefined }) {
  return (
    <span title={typeof size === "number" ? formatExactBytes(size) : undefined}>{formatBytes(size)}</span>
  );
}
