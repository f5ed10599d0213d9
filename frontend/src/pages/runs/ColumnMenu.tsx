/** Which columns the table has: its own, and any parameter, summary value or metric that runs have. */
import { Button, Checkbox, Popover, TextInput } from "@mantine/core";
import { IconColumns3 } from "@tabler/icons-react";
import { useState } from "react";
import { useRunColumns } from "@/api/runs";
import { ErrorNote } from "@/components/ErrorNote";
import classes from "./ColumnMenu.module.css";
import { BASE_COLUMNS, idOfValue, nameOfValue } from "./columns";

const MOST = 200;

interface Props {
  shown: readonly string[];
  onChange: (shown: string[]) => void;
}

export function ColumnMenu({ shown, onChange }: Props) {
  return (
    <Popover position="bottom-end" trapFocus withRoles>
      <Popover.Target>
        <Button
          className={classes.open}
          variant="default"
          leftSection={<IconColumns3 size={14} aria-hidden />}
        >
          Columns
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Columns">
        <Choices shown={shown} onChange={onChange} />
      </Popover.Dropdown>
    </Popover>
  );
}

/** Where a value is from, in the words of the other pages. */
function tellSource(source: string | undefined): string | undefined {
  return source === "config" ? "param" : source;
}

function Choices({ shown, onChange }: Props) {
  const [text, setText] = useState("");
  const found = useRunColumns();
  const toggle = (id: string) =>
    onChange(shown.includes(id) ? shown.filter((one) => one !== id) : [...shown, id]);
  const isWanted = (name: string) => name.toLowerCase().includes(text.trim().toLowerCase());
  const known = new Map((found.data ?? []).map((one) => [one.name, one]));
  const extra = shown.map(nameOfValue).filter((name): name is string => name !== null && !known.has(name));
  const names = [...extra, ...known.keys()].filter(isWanted);
  return (
    <div className={classes.menu}>
      <TextInput
        size="xs"
        aria-label="Find a column"
        placeholder="Find a column"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {found.isError && <ErrorNote error={found.error} onRetry={() => found.refetch()} />}
      <ul className={classes.list}>
        {BASE_COLUMNS.filter((one) => one.id !== "id" && isWanted(one.title)).map((one) => (
          <li key={one.id}>
            <Checkbox label={one.title} checked={shown.includes(one.id)} onChange={() => toggle(one.id)} />
          </li>
        ))}
        {names.slice(0, MOST).map((name) => (
          <li key={`value ${name}`}>
            <Checkbox
              label={
                <>
                  {name} <span className="dim">{tellSource(known.get(name)?.source)}</span>
                </>
              }
              checked={shown.includes(idOfValue(name))}
              onChange={() => toggle(idOfValue(name))}
            />
          </li>
        ))}
      </ul>
      {names.length > MOST && <div className="dim">{names.length - MOST} more: type a part of the name.</div>}
    </div>
  );
}
