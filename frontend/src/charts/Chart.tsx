/** One metric of some runs: drawn when it is near the screen, kept up to date while it is there. */
import { ActionIcon, Modal, useComputedColorScheme } from "@mantine/core";
import { IconArrowsMaximize, IconDownload, IconMathFunction, IconPhoto } from "@tabler/icons-react";
import "uplot/dist/uPlot.min.css";
import { useEffect, useRef, useState } from "react";
import { explain } from "@/api/client";
import { useServerEvent } from "@/api/events";
import { Name } from "@/components/Name";
import { tellFailure } from "@/components/toasts";
import { align } from "./align";
import classes from "./charts.module.css";
import { readColors } from "./colors";
import { type Curves, fetchCurves } from "./curves";
import { Pace } from "./pace";
import { Plot } from "./plot";
import { saveBlob, savePoints } from "./saving";
import { describeShown } from "./ticks";
import type { ChartView } from "./view";

export interface ChartRun {
  key: string;
  label: string;
  color: string;
}

interface Props {
  runs: readonly ChartRun[];
  metric: string;
  view: ChartView;
  onView: (change: Partial<ChartView>) => void;
}

const LIVE_EVERY = 200;
const NEAR = "300px";

export function Chart({ runs, metric, view, onView }: Props) {
  const [isLarge, setLarge] = useState(false);
  const isLog = view.log.includes(metric);
  const plot = useRef<Plot | null>(null);
  const toggleLog = () =>
    onView({ log: isLog ? view.log.filter((one) => one !== metric) : [...view.log, metric] });
  async function savePicture() {
    const blob = await plot.current?.paint();
    if (blob) saveBlob(blob, `${metric}.png`);
  }
  const drawing = { runs, metric, view, isLog, onView };
  return (
    <section className={classes.card} aria-label={metric}>
      <div className={classes.head}>
        <h3 className={classes.title}>
          <Name text={metric} kept={12} />
        </h3>
        <div className={classes.tools}>
          <Tool
            name={`Logarithmic axis for ${metric}`}
            isOn={isLog}
            onClick={toggleLog}
            Icon={IconMathFunction}
          />
          <Tool name={`Save ${metric} as PNG`} onClick={savePicture} Icon={IconPhoto} />
          <Tool
            name={`Save ${metric} as CSV`}
            onClick={() =>
              savePoints(
                runs.map((run) => run.key),
                metric,
              ).catch((error) => tellFailure("Not saved", error))
            }
            Icon={IconDownload}
          />
          <Tool name={`Enlarge ${metric}`} onClick={() => setLarge(true)} Icon={IconArrowsMaximize} />
        </div>
      </div>
      <Drawing {...drawing} plotRef={plot} />
      <Modal
        opened={isLarge}
        onClose={() => setLarge(false)}
        fullScreen
        title={<Name text={metric} kept={20} />}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Drawing {...drawing} isLarge />
      </Modal>
    </section>
  );
}

interface ToolProps {
  name: string;
  isOn?: boolean;
  onClick: () => void;
  Icon: typeof IconPhoto;
}

function Tool({ name, isOn, onClick, Icon }: ToolProps) {
  return (
    <ActionIcon
      size="sm"
      aria-label={name}
      title={name}
      aria-pressed={isOn}
      color={isOn ? "accent" : "gray"}
      onClick={onClick}
    >
      <Icon size={15} aria-hidden />
    </ActionIcon>
  );
}

type DrawingProps = Props & {
  isLog: boolean;
  isLarge?: boolean;
  plotRef?: { current: Plot | null };
};

/** The words a plot has beside its canvas. */
interface Words {
  caption: string;
  over: string | null;
}

function Drawing({ runs, metric, view, isLog, onView, isLarge = false, plotRef }: DrawingProps) {
  const host = useRef<HTMLDivElement>(null);
  const feed = useRef<{ ask: () => void } | null>(null);
  const latest = useRef(onView);
  const [words, setWords] = useState<Words>({ caption: "", over: null });
  const scheme = useComputedColorScheme("light");
  const { axis, smooth, range } = view;
  const asked = JSON.stringify([runs, range]);
  useEffect(() => {
    latest.current = onView;
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: `asked` stands for the runs and the range, by value
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const colors = readColors(element);
    const plot = new Plot(element, {
      axis,
      isLog,
      colors,
      onZoom: (next) => latest.current({ range: next }),
    });
    if (plotRef) plotRef.current = plot;
    let isNear = false;
    let isStale = true;
    let round = 0;
    async function load() {
      round += 1;
      const mine = round;
      isStale = false;
      const width = chooseWidth(element?.clientWidth ?? 500);
      const wanted = { runs: runs.map((run) => run.key), metric, axis, range, width };
      try {
        const found = await fetchCurves(wanted);
        if (mine !== round) return;
        setWords(show(plot, found, { runs, smooth, isLog, range }));
        element?.setAttribute("data-drawn", String(performance.now()));
      } catch (error) {
        if (mine === round) setWords({ caption: "", over: explain(error) });
      }
    }
    const pace = new Pace(() => void load(), LIVE_EVERY);
    const ask = () => {
      isStale = true;
      if (isNear) pace.ask();
    };
    feed.current = { ask };
    const watcher = new IntersectionObserver(
      ([entry]) => {
        isNear = entry?.isIntersecting ?? false;
        if (isNear && isStale) pace.ask();
      },
      { rootMargin: NEAR },
    );
    const sizes = new ResizeObserver(() => plot.resize());
    watcher.observe(element);
    sizes.observe(element);
    return () => {
      round += 1;
      feed.current = null;
      pace.stop();
      watcher.disconnect();
      sizes.disconnect();
      plot.destroy();
    };
  }, [asked, metric, axis, smooth, isLog, scheme]);
  useServerEvent("series", ({ run, keys }) => {
    if (keys.includes(metric) && runs.some((one) => one.key === run)) feed.current?.ask();
  });
  useServerEvent("refetch", () => feed.current?.ask());
  return (
    <>
      <div className={classes.host} ref={host} data-large={isLarge || undefined} data-metric={metric}>
        {words.over && <div className={classes.over}>{words.over}</div>}
      </div>
      <div className={classes.caption} title={words.caption}>
        {words.caption}
      </div>
    </>
  );
}

/** As many points as the screen can show, in few different numbers so that plots can ask together. */
export function chooseWidth(pixels: number): number {
  return Math.min(2000, Math.ceil((pixels * Math.min(2, devicePixelRatio)) / 500) * 500);
}

interface Showing {
  runs: readonly ChartRun[];
  smooth: number;
  isLog: boolean;
  range: ChartView["range"];
}

function show(plot: Plot, { curves, missing }: Curves, { runs, smooth, isLog, range }: Showing): Words {
  const had = runs.filter((run) => curves.has(run.key));
  const found = had.flatMap((run) => curves.get(run.key) ?? []);
  const strange = found.flatMap((curve) => curve.non_finite.map((one) => one.x)).sort((a, b) => a - b);
  plot.draw({
    aligned: align(found, smooth, isLog),
    lines: had.map(({ label, color }) => ({ label, color })),
    range,
    strange,
    isSmooth: smooth > 0,
  });
  const shown = found.reduce((sum, curve) => sum + curve.x.length, 0);
  const inRange = found.reduce((sum, curve) => sum + curve.points_in_range, 0);
  const odd = found.reduce((sum, curve) => sum + curve.non_finite_total, 0);
  const isExact = found.every((curve) => curve.exact);
  const over =
    found.length > 0
      ? inRange > 0
        ? null
        : "No points in this range"
      : (missing[0]?.detail ?? "No points yet");
  return { caption: describeShown(isExact ? inRange : shown, inRange, odd), over };
}
