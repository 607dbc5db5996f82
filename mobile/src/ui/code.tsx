import { useWords } from "@/words";

import { TextInput } from "./text-input";

/** The second factor: digits of an authenticator app, or a recovery code. */
export function CodeInput({ value, onChange, onSubmit }: { value: string; onChange: (text: string) => void; onSubmit: () => void }) {
  const words = useWords();
  return (
    <TextInput
      mode="outlined"
      label={words.secondFactor.code}
      accessibilityLabel={words.secondFactor.code}
      value={value}
      onChangeText={onChange}
      onSubmitEditing={onSubmit}
      autoCapitalize="none"
      autoComplete="one-time-code"
      testID="code"
    />
  );
}
