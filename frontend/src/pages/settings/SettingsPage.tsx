/** Colours, where data is kept, saved connections, and the limits in force. */
import { SegmentedControl, useMantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { get } from "@/api/client";
import { keys } from "@/api/keys";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Page } from "@/components/Page";
import { formatBytes } from "@/format/bytes";
import { formatDuration } from "@/format/times";
import { Cache } from "./Cache";
import { SavedConnections } from "./SavedConnections";
import { Section } from "./Section";
import classes from "./Settings.module.css";
import { Storage } from "./Storage";

export default function SettingsPage() {
  return (
    <Page title="Settings">
      <Colours />
      <Storage />
      <Cache />
      <SavedConnections />
      <Limits />
      <Version />
    </Page>
  );
}

function Colours() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Section title="Colours">
      <SegmentedControl
        aria-label="Colours"
        data={[
          { value: "auto", label: "As the system" },
          { value: "light", label: "Light" },
          { value: "dark", label: "Dark" },
        ]}
        value={colorScheme}
        onChange={(value) => setColorScheme(value as typeof colorScheme)}
      />
    </Section>
  );
}

function Version() {
  const config = useQuery({ queryKey: keys.config, queryFn: ({ signal }) => get("/api/config", { signal }) });
  return config.data && <p className={classes.version}>Runferry {config.data.version}</p>;
}

const NAMES: Record<string, string> = {
  connect: "Logins",
  listdir: "Folder listings",
  configure_mode: "Changes of syncs",
  soft_delete: "Deletions",
  restore: "Restores",
  empty: "Emptying the bin",
  config: "Looks at the configuration",
  config_root: "Changes of the data folder",
  config_change: "Changes of saved connections",
};

function Limits() {
  const settings = useQuery({
    queryKey: [...keys.config, "settings"],
    queryFn: ({ signal }) => get("/api/settings", { signal }),
  });
  return (
    <Section title="Limits">
      {settings.isPending ? (
        <Loading what="the limits" />
      ) : settings.isError ? (
        <ErrorNote error={settings.error} onRetry={() => settings.refetch()} />
      ) : (
        <>
          <dl className={classes.facts}>
            <Fact name="A login may take">{formatDuration(settings.data.connect_timeout)}</Fact>
            <Fact name="A server’s first key">
              {settings.data.strict_host_keys ? "is asked about" : "is remembered; another one is refused"}
            </Fact>
            <Fact name="Files fetched on demand">
              up to {formatBytes(settings.data.cache_limit_bytes)};{" "}
              {formatBytes(settings.data.disk_reserve_bytes)} of the disk stay free
            </Fact>
            {Object.entries(settings.data.rate_limits).map(([name, count]) => (
              <Fact key={name} name={NAMES[name] ?? name}>
                {count === 0 ? "any number" : `${count} a minute`}
              </Fact>
            ))}
          </dl>
          <p className="dim">
            To change them, write into <code>{settings.data.settings_file}</code> and start Runferry again.
          </p>
        </>
      )}
    </Section>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
