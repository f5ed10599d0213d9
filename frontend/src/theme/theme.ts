/** Mantine's theme: neutral greys, one accent, small and dense. Colours of our own are in tokens.css. */
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

const accent: MantineColorsTuple = [
  "#e6f5fa",
  "#cfe8f1",
  "#a0d1e3",
  "#6db8d4",
  "#46a4c8",
  "#2c97c1",
  "#1788b3",
  "#0b6e8f",
  "#065d7a",
  "#004a63",
];

/** Of buttons that take something away: white on it has 4.5 : 1, which on Mantine's red it has not. */
const bad: MantineColorsTuple = [
  "#fbe9e7",
  "#f6d0cc",
  "#f2b8b2",
  "#f28b82",
  "#e0655b",
  "#cf463b",
  "#c2372d",
  "#b3261e",
  "#9a1f18",
  "#7f1812",
];

const dark: MantineColorsTuple = [
  "#d5d8dc",
  "#b3b8bf",
  "#969ca5",
  "#6d747e",
  "#474e58",
  "#343a43",
  "#292e36",
  "#1d2127",
  "#16191e",
  "#101317",
];

export const theme = createTheme({
  colors: { accent, bad, dark },
  primaryColor: "accent",
  primaryShade: { light: 7, dark: 7 },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  fontSizes: { xs: "12px", sm: "13px", md: "14px", lg: "16px", xl: "20px" },
  defaultRadius: 4,
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: "xs" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray", size: "md" } },
    TextInput: { defaultProps: { size: "sm" } },
    PasswordInput: { defaultProps: { size: "sm" } },
    Textarea: { defaultProps: { size: "sm" } },
    NumberInput: { defaultProps: { size: "sm" } },
    Select: { defaultProps: { size: "sm" } },
    Checkbox: { defaultProps: { size: "xs" } },
    SegmentedControl: { defaultProps: { size: "xs", transitionDuration: 0 } },
    Modal: { defaultProps: { centered: true, transitionProps: { duration: 0 }, radius: 6 } },
    Menu: { defaultProps: { transitionProps: { duration: 0 }, shadow: "md" } },
    Popover: { defaultProps: { transitionProps: { duration: 0 }, shadow: "md" } },
    Notification: {
      defaultProps: { closeButtonProps: { "aria-label": "Close" } },
      styles: { description: { color: "var(--dim)", whiteSpace: "pre-line", overflowWrap: "anywhere" } },
    },
    Tabs: { vars: () => ({ root: { "--tabs-color": "var(--accent)" } }) },
    Tooltip: { defaultProps: { openDelay: 300, transitionProps: { duration: 0 }, withArrow: true } },
  },
});

const ours = {
  "--mantine-color-body": "var(--bg)",
  "--mantine-color-text": "var(--text)",
  "--mantine-color-dimmed": "var(--dim)",
  "--mantine-color-placeholder": "var(--dim)",
  "--mantine-color-default-border": "var(--border)",
  "--mantine-color-anchor": "var(--accent)",
  "--mantine-color-error": "var(--bad)",
};

/** Mantine's colours are ours, in both schemes. */
export const resolveVariables: CSSVariablesResolver = () => ({ variables: {}, light: ours, dark: ours });
