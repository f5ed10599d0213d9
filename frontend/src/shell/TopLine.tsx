/** Search, one lamp per server, the colour scheme. */
import { ActionIcon, Tooltip, useMantineColorScheme } from "@mantine/core";
import { IconDeviceDesktop, IconKeyboard, IconMoon, IconPlus, IconSun } from "@tabler/icons-react";
import { Link } from "wouter";
import { useConnections } from "@/api/status";
import { judge, Lamp, lastSeen } from "@/components/Lamp";
import { Name } from "@/components/Name";
import { Search } from "./Search";
import classes from "./TopLine.module.css";

export function TopLine({ onHelp }: { onHelp: () => void }) {
  return (
    <header className={classes.top}>
      <Search />
      <Lamps />
      <div className={classes.tools}>
        <Tooltip label="Connect a server">
          <ActionIcon component={Link} href="/connect" aria-label="Connect a server">
            <IconPlus size={18} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Keyboard shortcuts (?)">
          <ActionIcon onClick={onHelp} aria-label="Keyboard shortcuts" className={classes.wide}>
            <IconKeyboard size={18} />
          </ActionIcon>
        </Tooltip>
        <SchemeSwitch />
      </div>
    </header>
  );
}

function Lamps() {
  const connections = useConnections();
  return (
    <ul className={classes.lamps} aria-label="Servers">
      {connections?.map((connection) => (
        <li key={connection.connection_id}>
          <Link
            href="/servers"
            className={classes.lamp}
            title={connection.connection_id}
            aria-label={`${connection.server || connection.connection_id}: ${judge(connection)}`}
          >
            <span className={classes.server}>
              <Name text={connection.server || connection.connection_id} kept={6} />
            </span>
            <Lamp state={judge(connection)} since={lastSeen(connection)} />
          </Link>
        </li>
      ))}
    </ul>
  );
}

const SCHEMES = ["light", "dark", "auto"] as const;
const ICONS = { light: IconSun, dark: IconMoon, auto: IconDeviceDesktop };
const NAMES = { light: "light", dark: "dark", auto: "the system's" };

function SchemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const next = SCHEMES[(SCHEMES.indexOf(colorScheme) + 1) % SCHEMES.length] ?? "auto";
  const Icon = ICONS[colorScheme];
  const label = `Colours: ${NAMES[colorScheme]}; change to ${NAMES[next]}`;
  return (
    <Tooltip label={label}>
      <ActionIcon onClick={() => setColorScheme(next)} aria-label={label}>
        <Icon size={18} />
      </ActionIcon>
    </Tooltip>
  );
}
