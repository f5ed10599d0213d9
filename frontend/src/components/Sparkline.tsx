/** A curve as small as a word: its shape only, the ends in the title. */
import { formatNumber } from "@/format/numbers";

interface Props {
  metric: string | undefined;
  values: readonly (number | null)[] | undefined;
  width?: number;
  height?: number;
}

export function Sparkline({ metric, values, width = 92, height = 20 }: Props) {
  const path = values ? drawSparkline(values, width, height) : "";
  if (!path) return null;
  const known = values?.filter((value) => value !== null) ?? [];
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img">
      <title>{`${metric}: ${formatNumber(known[0])} to ${formatNumber(known.at(-1))}`}</title>
      <path d={path} fill="none" stroke="var(--accent)" strokeWidth="1.2" strokeLinejoin="round" />
    </svg>
  );
}

/** An SVG path over the whole box; gaps where there is no value. */
export function drawSparkline(values: readonly (number | null)[], width: number, height: number): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return "";
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  const step = values.length > 1 ? (width - 2) / (values.length - 1) : 0;
  let path = "";
  let isDown = false;
  values.forEach((value, index) => {
    if (value === null) {
      isDown = false;
      return;
    }
    const x = (1 + index * step).toFixed(1);
    const y = (height - 2 - ((value - low) / span) * (height - 4)).toFixed(1);
    path += `${isDown ? "L" : "M"}${x} ${y}`;
    if (!isDown && values[index + 1] == null) path += `h${values.length > 1 ? 1 : width - 2}`;
    isDown = true;
  });
  return path;
}
