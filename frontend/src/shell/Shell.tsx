/** What is around every page: the rail, the top line, what is wrong now, and the keys that work everywhere. */
import { type ReactNode, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { useLiveCache } from "@/api/live";
import { Banner } from "./Banner";
import { PLACES, Rail } from "./Rail";
import classes from "./Shell.module.css";
import { ShortcutHelp } from "./ShortcutHelp";
import { shortcuts, useShortcut } from "./shortcuts";
import { TopLine } from "./TopLine";

export function Shell({ children }: { children: ReactNode }) {
  const [isHelpOpen, setHelpOpen] = useState(false);
  useLiveCache();
  useEffect(() => {
    document.addEventListener("keydown", shortcuts.handle);
    return () => document.removeEventListener("keydown", shortcuts.handle);
  }, []);
  useShortcut("?", "Show these shortcuts", () => setHelpOpen((before) => !before));
  useShortcut("/", "Filter or search", focusSearch);
  return (
    <div className={classes.shell}>
      <a href="#content" className={classes.skip}>
        Skip to the content
      </a>
      {PLACES.map((place) => (
        <PlaceShortcut key={place.path} {...place} />
      ))}
      <Rail />
      <TopLine onHelp={() => setHelpOpen(true)} />
      <div className={classes.content} id="content" tabIndex={-1}>
        <Banner />
        <div className={classes.page}>{children}</div>
      </div>
      <ShortcutHelp isOpen={isHelpOpen} onClose={() => setHelpOpen(false)} />
    </div>
  );
}

function PlaceShortcut({ path, name, letter }: { path: string; name: string; letter: string }) {
  const [, navigate] = useLocation();
  useShortcut(`g ${letter}`, `Go to ${name}`, () => navigate(path));
  return null;
}

/** A page's own filter is nearer than the search of everything. */
function focusSearch(): void {
  const field =
    document.querySelector<HTMLInputElement>("input[data-page-filter]") ??
    document.querySelector<HTMLInputElement>("input[data-search]");
  field?.focus();
  field?.select();
}
