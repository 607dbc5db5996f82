/** The code of a mail's link, as it came with the link, or pasted. */
import { TextInput } from "react-native-paper";

import { useWords } from "@/words";

export function LinkCodeInput({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const words = useWords();
  return (
    <TextInput
      mode="outlined"
      label={words.account.linkCode}
      accessibilityLabel={words.account.linkCode}
      value={value}
      onChangeText={onChange}
      autoCapitalize="none"
      autoComplete="off"
      testID="link-code"
    />
  );
}
