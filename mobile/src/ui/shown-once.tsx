import { View } from "react-native";
import { Button, Text } from "react-native-paper";

import { ToneText } from "./parts";

/** A secret that the API tells once: it stays until its owner says that they have it. */
export function ShownOnce({ text, secret, taken, onTaken }: { text: string; secret: string; taken: string; onTaken: () => void }) {
  return (
    <View role="alert" style={{ gap: 8 }} testID="shown-once">
      <ToneText tone="busy">{text}</ToneText>
      <Text selectable testID="secret">
        {secret}
      </Text>
      <Button mode="contained" onPress={onTaken} testID="secret-taken">
        {taken}
      </Button>
    </View>
  );
}
