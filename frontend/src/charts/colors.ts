/** The theme's colours as a canvas takes them: computed, since a canvas knows no variables. */

export interface PlotColors {
  text: string;
  line: string;
  ground: string;
}

export function readColors(host: HTMLElement): PlotColors {
  const probe = document.createElement("span");
  host.append(probe);
  const read = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const colors = { text: read("--dim"), line: read("--line"), ground: read("--bg") };
  probe.remove();
  return colors;
}
