import { useState } from "react";
import { View } from "react-native";

import type { Tone } from "@/rules/standing";
import { strengthOf, type Strength } from "@/rules/strength";
import { useWords } from "@/words";

import { ToneText } from "./parts";
import { TextInput } from "./text-input";

const TONES: Record<Strength, Tone> = { short: "bad", weak: "bad", fair: "busy", good: "good" };

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
  const field = (
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
  if (!isNew || value === "") return field;
  const strength = strengthOf(value);
  return (
    <View>
      {field}
      <View role="status" accessibilityLiveRegion="polite" testID={`${testID}-strength`}>
        <ToneText tone={TONES[strength]}>{words.account.strength[strength]}</ToneText>
      </View>
    </View>
  );
}
