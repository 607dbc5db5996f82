import { useDeferredValue, useEffect, useState, type ComponentProps } from "react";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { useInstruments, type Instrument } from "@/api/queries";
import { useWords } from "@/words";

import { FieldError, ProblemText } from "./parts";
import { TextInput } from "./text-input";

const PAUSE_MS = 250;
const MOST_SHOWN = 8;

/** Finds an instrument. Only one that the product knows can be chosen. */
export function InstrumentField({
  value,
  problem,
  inputRef,
  onChosen,
  onCleared,
}: {
  value: string;
  problem: string | undefined;
  inputRef: ComponentProps<typeof TextInput>["ref"];
  onChosen: (instrument: Instrument) => void;
  onCleared: () => void;
}) {
  const words = useWords();
  const [text, setText] = useState(value);
  const query = useDeferredValue(useSettled(text.trim()));
  const found = useInstruments(value === "" ? query : "");
  return (
    <View>
      <TextInput
        ref={inputRef}
        mode="outlined"
        label={words.plan.search}
        accessibilityLabel={words.plan.search}
        value={value === "" ? text : value}
        onChangeText={(typed) => {
          if (value !== "") onCleared();
          setText(typed);
        }}
        autoCapitalize="characters"
        autoComplete="off"
        error={problem !== undefined}
        testID="symbol"
      />
      <FieldError text={problem} />
      <ProblemText error={found.error} />
      {value === "" && query.length === 1 ? <Text variant="bodySmall">{words.plan.typeMore}</Text> : null}
      {found.isFetching ? <Text variant="bodySmall">{words.plan.searching}</Text> : null}
      {value === "" && found.data?.length === 0 ? <Text role="status">{words.plan.noMatch}</Text> : null}
      {value === ""
        ? found.data?.slice(0, MOST_SHOWN).map((one) => (
            <Button
              key={`${one.exchange}:${one.symbol}`}
              contentStyle={styles.match}
              onPress={() => {
                setText(one.symbol);
                onChosen(one);
              }}
              testID={`match-${one.exchange}-${one.symbol}`}
            >
              {`${one.symbol} · ${one.name} · ${one.exchange}`}
            </Button>
          ))
        : null}
      {value === "" && (found.data?.length ?? 0) > MOST_SHOWN ? <Text variant="bodySmall">{words.plan.firstOnly(MOST_SHOWN)}</Text> : null}
    </View>
  );
}

/** `text` once nobody has typed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

const styles = StyleSheet.create({ match: { justifyContent: "flex-start", minHeight: 44 } });
