/** The five places one can go to. On a phone it lies at the bottom. */
import { IconArrowsDiff, IconPackage, IconServer2, IconSettings, IconTable } from "@tabler/icons-react";
import { Link, useLocation } from "wouter";
import classes from "./Rail.module.css";

export const PLACES = [
  { path: "/runs", name: "Runs", letter: "r", Icon: IconTable },
  { path: "/compare", name: "Compare", letter: "c", Icon: IconArrowsDiff },
  { path: "/artifacts", name: "Artifacts", letter: "a", Icon: IconPackage },
  { path: "/servers", name: "Servers", letter: "s", Icon: IconServer2 },
  { path: "/settings", name: "Settings", letter: "t", Icon: IconSettings },
] as const;

export function Rail() {
  const [location] = useLocation();
  return (
    <nav className={classes.rail} aria-label="Pages">
      <Link href="/" className={classes.mark} aria-label="Runferry">
        <img src="/static/app/favicon.svg" alt="" width={24} height={24} />
      </Link>
      {PLACES.map(({ path, name, Icon }) => {
        const isHere = location === path || location.startsWith(`${path}/`);
        return (
          <Link key={path} href={path} className={classes.item} aria-current={isHere ? "page" : undefined}>
            <Icon size={20} stroke={1.6} aria-hidden />
            <span>{name}</span>
          </Link>
        );
      })}
    </nav>
  );
}
