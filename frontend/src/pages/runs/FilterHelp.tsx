/** The language of the filter, by examples. It is that of the API's `q`. */
import { ActionIcon, Popover } from "@mantine/core";
import { IconHelp } from "@tabler/icons-react";
import classes from "./FilterHelp.module.css";

const EXAMPLES: readonly [string, string][] = [
  ["resnet", "the word in an id, project or name"],
  ['"two words"', "as they stand"],
  ["-test", "without it; a minus excludes anything"],
  ["status:running", "also project, name, server, tag"],
  ["status:failed,interrupted", "one of several"],
  ["lr<1e-3", "a parameter, a summary value or a last metric"],
  ["created>2026-01-01", "also started, ended, duration"],
];

export function FilterHelp() {
  return (
    <Popover position="bottom-end" withRoles>
      <Popover.Target>
        <ActionIcon size="sm" aria-label="How to filter" title="How to filter">
          <IconHelp size={16} aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="How to filter">
        <dl className={classes.list}>
          {EXAMPLES.map(([example, meaning]) => (
            <div key={example} className={classes.row}>
              <dt>
                <code>{example}</code>
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </Popover.Dropdown>
    </Popover>
  );
}
