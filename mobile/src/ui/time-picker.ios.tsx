import DateTimePicker from "@react-native-community/datetimepicker";
import { useState } from "react";
import { Button, Dialog, Portal } from "react-native-paper";

import { serverNow } from "@/api/server-clock";
import { INDIA, instantOf, pickedTime } from "@/rules/clock";
import { useWords } from "@/words";

import { useAppTheme } from "./theme";
import type { TimePickerProps } from "./time-picker";

/** The wheel of iOS. What it shows counts only once it is confirmed. */
export function TimePicker({ label, time, onPicked }: TimePickerProps) {
  const words = useWords();
  const { dark } = useAppTheme();
  const [shown, setShown] = useState<Date | null>(null);
  const close = () => setShown(null);
  return (
    <>
      <Button
        compact
        mode="outlined"
        icon="clock-outline"
        accessibilityLabel={`${label} ${words.plan.pick}`}
        onPress={() => setShown(instantOf(time, serverNow()))}
      >
        {words.plan.pick}
      </Button>
      <Portal>
        <Dialog visible={shown !== null} onDismiss={close}>
          <Dialog.Title>{label}</Dialog.Title>
          <Dialog.Content>
            {shown === null ? null : (
              <DateTimePicker
                mode="time"
                display="spinner"
                // Of the countries that write English, one with 24 hours to a day.
                locale="en-GB"
                timeZoneName={INDIA}
                themeVariant={dark ? "dark" : "light"}
                value={shown}
                onValueChange={(_event, picked) => setShown(picked)}
                accessibilityLabel={label}
                testID="time-wheel"
              />
            )}
          </Dialog.Content>
          <Dialog.Actions>
            <Button onPress={close}>{words.common.cancel}</Button>
            <Button
              mode="contained"
              testID="time-picked"
              onPress={() => {
                if (shown !== null) onPicked(pickedTime(shown));
                close();
              }}
            >
              {words.plan.take}
            </Button>
          </Dialog.Actions>
        </Dialog>
      </Portal>
    </>
  );
}
