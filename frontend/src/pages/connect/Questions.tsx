/** What the server asks (a code, a second factor), in its own words, shown as text. */
import { Button, Modal, PasswordInput, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import classes from "./Connect.module.css";
import type { Prompt } from "./login";

interface Props {
  server: string;
  prompts: readonly Prompt[];
  isBusy: boolean;
  onAnswer: (answers: string[]) => void;
  onCancel: () => void;
}

export function Questions({ server, prompts, isBusy, onAnswer, onCancel }: Props) {
  const [answers, setAnswers] = useState<string[]>(() => prompts.map(() => ""));

  function submit(event: FormEvent): void {
    event.preventDefault();
    onAnswer(answers);
  }

  return (
    <Modal opened onClose={onCancel} title={`${server} asks`} closeButtonProps={{ "aria-label": "Cancel" }}>
      <form onSubmit={submit} className={classes.stack}>
        {prompts.map((prompt, index) => {
          const Input = prompt.echo ? TextInput : PasswordInput;
          return (
            <Input
              key={index}
              label={prompt.text.trim() || "Answer"}
              autoComplete="one-time-code"
              data-autofocus={index === 0 || undefined}
              value={answers[index] ?? ""}
              onChange={(event) => {
                const { value } = event.currentTarget;
                setAnswers(answers.map((before, place) => (place === index ? value : before)));
              }}
            />
          );
        })}
        <div className={classes.buttons}>
          <Button type="submit" loading={isBusy}>
            Answer
          </Button>
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </div>
      </form>
    </Modal>
  );
}
