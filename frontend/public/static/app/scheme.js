// Before the first paint: the colours the user chose, or else the system's. A file, as the policy lets no inline script in.
(() => {
  let chosen = "auto";
  try {
    chosen = localStorage.getItem("runferry-scheme") || "auto";
  } catch {}
  const isDark =
    chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.mantineColorScheme = isDark ? "dark" : "light";
})();
