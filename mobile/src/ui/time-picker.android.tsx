import { DateTimePickerAndroid } from "@react-native-community/datetimepicker";
import { Button } from "react-native-paper";

import { serverNow } from "@/api/server-clock";
import { INDIA, instantOf, pickedTime } from "@/rules/clock";
import { useWords } from "@/words";

import type { TimePickerProps } from "./time-picker";

/** Android's own clock. */
export function TimePicker({ label, time, onPicked }: TimePickerProps) {
  const words = useWords();
  const open = () =>
    DateTimePickerAndroid.open({
      mode: "time",
      is24Hour: true,
      timeZoneName: INDIA,
      value: instantOf(time, serverNow()),
      onValueChange: (_event, picked) => onPicked(pickedTime(picked)),
    });
  return (
    <Button compact mode="outlined" icon="clock-outline" accessibilityLabel={`${label} ${words.plan.pick}`} onPress={open}>
      {words.plan.pick}
    </Button>
  );
}
