/** The code of a mail's link: it follows the # of the link, which no server is sent; on a phone it is pasted. */
import { Platform } from "react-native";
import { TextInput } from "react-native-paper";

import { useWords } from "@/words";

/** What the link that led here holds, once: the address in the browser's history is to hold it no longer. */
export function takeLinkCode(): string {
  if (Platform.OS !== "web") return "";
  const code = window.location.hash.slice(1);
  if (code !== "") window.history.replaceState(window.history.state, "", window.location.pathname);
  return code;
}

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
