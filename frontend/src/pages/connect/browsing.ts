/** Listings of a server's folders, one level ahead, so that going down is instant and the server is asked seldom. */

import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { get, type Schema } from "@/api/client";
import { keys } from "@/api/keys";

export type Item = Schema<"DirectoryItem">;

/** What is known of a folder; `isWhole`: it was listed itself, not only seen from the one above. */
interface Listing {
  path: string;
  items: readonly Item[];
}

const FRESH = 30_000;
const PAUSE = 500;
const LOOK_SECONDS = 4;

export function useListing(connectionId: string, path: string, isHiddenShown: boolean) {
  const client = useQueryClient();
  const key = (of: string) => keys.listing(connectionId, of, isHiddenShown);
  const ahead = client.getQueryData<Listing>([...key(path), "ahead"]);
  const [settled] = useDebouncedValue(path, PAUSE);
  const query = useQuery({
    queryKey: key(path),
    // What was seen from the folder above is enough until one stays: thirty listings a minute are allowed.
    enabled: ahead === undefined || settled === path,
    staleTime: FRESH,
    queryFn: async ({ signal }): Promise<Listing> => {
      const answer = await get("/api/unified/listdir", {
        query: { path, connection_id: connectionId, show_hidden: isHiddenShown, depth: 2 },
        signal,
      });
      for (const item of answer.items) {
        if (item.children) {
          const known: Listing = { path: item.path, items: item.children };
          client.setQueryData([...key(item.path), "ahead"], known);
        }
      }
      return { path: answer.current_path, items: answer.items };
    },
  });
  const isOnlyLate = query.isError && ahead !== undefined;
  return {
    data: query.data ?? ahead,
    error: isOnlyLate ? null : query.error,
    refetch: () => void query.refetch(),
  };
}

/** How many runs are in a folder, and what each mode would copy. Asked once one stays there. */
export function usePreview(connectionId: string, path: string | undefined, seconds = LOOK_SECONDS) {
  const [settled] = useDebouncedValue(path, PAUSE);
  return useQuery({
    queryKey: [...keys.preview(connectionId, path ?? ""), seconds],
    enabled: path !== undefined && settled === path,
    staleTime: FRESH,
    queryFn: ({ signal }) =>
      get("/api/unified/preview", {
        query: { path: path ?? "", connection_id: connectionId, seconds },
        signal,
      }),
  });
}
