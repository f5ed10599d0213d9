/** Finds a run anywhere: a few matches while one types, all of them with Enter. */

import { Combobox, TextInput, useCombobox } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { getCounted, makeUrl } from "@/api/client";
import { keys } from "@/api/keys";
import { Name } from "@/components/Name";
import { StatusMark } from "@/components/StatusMark";
import { reveal } from "@/format/names";
import { countOf } from "@/format/numbers";
import { makeRunPath } from "./paths";
import classes from "./Search.module.css";

const SHOWN = 8;
const ALL = "all";

export function Search() {
  const [text, setText] = useState("");
  const [q] = useDebouncedValue(text.trim(), 150);
  const [, navigate] = useLocation();
  const combobox = useCombobox();
  const found = useQuery({
    queryKey: [...keys.runs, "search", q],
    queryFn: ({ signal }) => getCounted("/api/runs", { query: { q, limit: SHOWN }, signal }),
    enabled: q !== "",
    placeholderData: keepPreviousData,
  });

  function go(value: string): void {
    combobox.closeDropdown();
    setText("");
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    navigate(value === ALL ? makeUrl("/runs", { query: { q: text.trim() } }) : makeRunPath(value));
  }

  return (
    <Combobox
      store={combobox}
      onOptionSubmit={go}
      position="bottom-start"
      width="min(560px, calc(100vw - 24px))"
    >
      <Combobox.Target>
        <TextInput
          data-search
          className={classes.field}
          size="xs"
          aria-label="Search all runs"
          placeholder="Search runs"
          leftSection={<IconSearch size={14} aria-hidden />}
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
            combobox.openDropdown();
            combobox.updateSelectedOptionIndex();
          }}
          onBlur={() => combobox.closeDropdown()}
          onKeyDown={(event) => {
            if (event.key === "Enter" && text.trim() && combobox.getSelectedOptionIndex() < 0) go(ALL);
            if (event.key === "Escape") event.currentTarget.blur();
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={q === "" || text.trim() === ""}>
        <Combobox.Options aria-label="Matching runs">
          {found.isError && <Combobox.Empty>{found.error.message}</Combobox.Empty>}
          {found.data?.data.map((run) => (
            <Combobox.Option value={run.key} key={run.key}>
              <span className={classes.option}>
                <StatusMark status={run.status} evidence={run.status_evidence} isWordless />
                <Name text={run.id} />
                <span className={classes.where}>
                  {reveal(`${run.project} / ${run.name}`)} on {run.server}
                </span>
              </span>
            </Combobox.Option>
          ))}
          {found.data && (
            <Combobox.Option value={ALL}>
              {found.data.total === 0
                ? "No run matches"
                : `Show ${countOf(found.data.total, "matching run")}`}
            </Combobox.Option>
          )}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
