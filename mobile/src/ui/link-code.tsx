/** The code of a mail's link, as it came with the link, or pasted. */

import { View } from "react-native";

import { useWords } from "@/words";

import { FieldError } from "./parts";
import { TextInput } from "./text-input";

export function LinkCodeInput({ value, onChange, problem }: { value: string; onChange: (text: string) => void; problem: string | undefined }) {
  const words = useWords();
  return (
    <View>
      <TextInput
        mode="outlined"
        label={words.account.linkCode}
        accessibilityLabel={words.account.linkCode}
        value={value}
        onChangeText={onChange}
        autoCapitalize="none"
        autoComplete="off"
        error={problem !== undefined}
        testID="link-code"
      />
      <FieldError text={problem} />
    </View>
  );
}
