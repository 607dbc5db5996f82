export interface TimePickerProps {
  /** Of the field, for whoever does not see it. */
  label: string;
  /** `HH:MM:SS` in India; null while what was typed is no time. */
  time: string | null;
  onPicked: (time: string) => void;
}

/** A browser's time is typed, or taken from the usual ones. */
export function TimePicker(_props: TimePickerProps) {
  return null;
}
