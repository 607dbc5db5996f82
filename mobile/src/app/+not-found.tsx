import { router } from "expo-router";
import { Button, Text } from "react-native-paper";

import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function NotFound() {
  const words = useWords();
  return (
    <Screen title={words.notFound.title}>
      <Text>{words.notFound.text}</Text>
      <Button mode="contained" onPress={() => router.replace("/")}>
        {words.notFound.home}
      </Button>
    </Screen>
  );
}
