/** What holds for all charts of a page: the x axis, the smoothing, the zoom. */
import { Button, SegmentedControl } from "@mantine/core";
import { useEffect, useState } from "react";
import classes from "./charts.module.css";
import type { Axis } from "./curves";
import type { ChartView } from "./view";

const AXES: { value: Axis; label: string }[] = [
  { value: "step", label: "Step" },
  { value: "time", label: "Time" },
  { value: "wall", label: "Clock" },
];

export function ChartControls({
  view,
  onView,
  children,
}: {
  view: ChartView;
  onView: (change: Partial<ChartView>) => void;
  children?: React.ReactNode;
}) {
  const [smooth, setSmooth] = useState(view.smooth);
  useEffect(() => setSmooth(view.smooth), [view.smooth]);
  useEffect(() => {
    if (smooth === view.smooth) return;
    const timer = window.setTimeout(() => onView({ smooth }), 120);
    return () => window.clearTimeout(timer);
  });
  return (
    <div className={classes.controls}>
      <SegmentedControl
        aria-label="x axis"
        data={AXES}
        value={view.axis}
        onChange={(axis) => onView({ axis: axis as Axis, range: null })}
      />
      <label className={classes.slider}>
        Smoothing
        <input
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={smooth}
          onChange={(event) => setSmooth(Number(event.currentTarget.value))}
        />
        <output>{smooth.toFixed(2)}</output>
      </label>
      {children}
      <Button
        className={classes.reset}
        variant="default"
        disabled={!view.range}
        onClick={() => onView({ range: null })}
      >
        Reset zoom
      </Button>
    </div>
  );
}
