/** Asks before what was entered is lost with its screen: by the app's Back, by Android's, or with the page. A browser's own
 * Back is not asked about: the router then sets its whole state anew, which no screen of it can prevent. */
import { useNavigation } from "expo-router";
import { usePreventRemove } from "expo-router/react-navigation";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Platform } from "react-native";

import { useWords } from "@/words";

import { Question } from "./parts";

type Leaving = Parameters<Parameters<typeof usePreventRemove>[1]>[0]["data"]["action"];

/** `question` is to be shown on the screen; after `letGo` nothing is asked any more, for what was entered is stored. */
export function useAskedBeforeLeaving(isEntered: boolean): { question: ReactNode; letGo: () => void } {
  const words = useWords().plan;
  const navigation = useNavigation();
  const isStored = useRef(false);
  const [wanted, setWanted] = useState<Leaving | null>(null);
  usePreventRemove(isEntered, ({ data }) => {
    if (isStored.current) navigation.dispatch(data.action);
    else setWanted(data.action);
  });
  useAskedBeforeUnload(isEntered);
  const question = (
    <Question
      title={words.leave}
      text={words.leaveAsk}
      yes={words.discard}
      isShown={wanted !== null}
      onNo={() => setWanted(null)}
      onYes={() => {
        setWanted(null);
        if (wanted !== null) navigation.dispatch(wanted);
      }}
    />
  );
  return {
    question,
    letGo: () => {
      isStored.current = true;
    },
  };
}

/** A browser asks before what was entered is lost with the page. */
function useAskedBeforeUnload(isEntered: boolean): void {
  useEffect(() => {
    if (Platform.OS !== "web" || !isEntered) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isEntered]);
}
