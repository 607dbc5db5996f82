import { useState } from "react";

import { useWords } from "@/words";

import { TextInput } from "./text-input";

export function PasswordInput({
  label,
  value,
  onChange,
  onSubmit,
  isNew,
  hasError = false,
  testID = "password",
}: {
  label: string;
  value: string;
  onChange: (text: string) => void;
  onSubmit: () => void;
  isNew: boolean;
  hasError?: boolean;
  testID?: string;
}) {
  const words = useWords();
  const [isShown, setShown] = useState(false);
  return (
    <TextInput
      mode="outlined"
      label={label}
      accessibilityLabel={label}
      value={value}
      onChangeText={onChange}
      onSubmitEditing={onSubmit}
      secureTextEntry={!isShown}
      autoCapitalize="none"
      autoComplete={isNew ? "new-password" : "current-password"}
      error={hasError}
      testID={testID}
      right={
        <TextInput.Icon
          icon={isShown ? "eye-off" : "eye"}
          accessibilityLabel={words.account.showPassword}
          onPress={() => setShown(!isShown)}
        />
      }
    />
  );
}
