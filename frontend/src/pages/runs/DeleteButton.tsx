/** Puts runs into the recycle bin, after asking; says that the servers keep theirs. */
import { Button, Group, Modal, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { ErrorNote } from "@/components/ErrorNote";
import { tell } from "@/components/toasts";
import { countOf } from "@/format/numbers";
import { useDeleteRuns } from "./recycling";

export function DeleteButton({ keys, onDone }: { keys: readonly string[]; onDone: () => void }) {
  const [isOpen, { open, close }] = useDisclosure();
  const deletion = useDeleteRuns();

  async function work(): Promise<void> {
    const refusals = await deletion.mutateAsync(keys);
    close();
    tell(`${countOf(keys.length - refusals.length, "run")} deleted here`, refusals.join("\n"));
    onDone();
  }

  return (
    <>
      <Button variant="default" onClick={open}>
        Delete
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={`Delete ${countOf(keys.length, "run")} here?`}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Text size="sm">
          {keys.length === 1 ? "It goes" : "They go"} to the recycle bin of this machine, and can be restored
          from there. Nothing is deleted on any server.
        </Text>
        {deletion.isError && <ErrorNote error={deletion.error} />}
        <Group justify="flex-end" mt="md" gap="xs">
          <Button variant="default" onClick={close} data-autofocus>
            Cancel
          </Button>
          <Button color="bad" loading={deletion.isPending} onClick={() => work().catch(() => undefined)}>
            Delete
          </Button>
        </Group>
      </Modal>
    </>
  );
}
