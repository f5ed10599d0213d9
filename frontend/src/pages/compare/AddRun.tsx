/** Finds one more run to compare. */

import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { get } from "@/api/client";
import { keys } from "@/api/keys";
import { reveal } from "@/format/names";

export function AddRun({ taken, onAdd }: { taken: readonly string[]; onAdd: (key: string) => void }) {
  const [text, setText] = useState("");
  const [q] = useDebouncedValue(text.trim(), 200);
  const found = useQuery({
    queryKey: [...keys.runs, "to-add", q],
    queryFn: ({ signal }) => get("/api/runs", { query: { q, limit: 20 }, signal }),
    retry: false,
  });
  const offered = (found.data ?? []).filter((run) => !taken.includes(run.key));
  return (
    <Select
      size="xs"
      w={260}
      aria-label="Add a run"
      placeholder="Add a run"
      searchable
      searchValue={text}
      onSearchChange={setText}
      value={null}
      data={offered.map((run) => ({
        value: run.key,
        label: reveal(`${run.name} ${run.id} (${run.server})`),
      }))}
      filter={({ options }) => options}
      nothingFoundMessage="No run matches"
      onChange={(key) => {
        if (key) onAdd(key);
        setText("");
      }}
    />
  );
}
