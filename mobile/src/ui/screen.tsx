/** What every screen has: its title, the way back, the kill switch, and a column that stays readable on a desktop. */
import { router, usePathname } from "expo-router";
import type { ReactNode } from "react";
import { Platform, ScrollView, StyleSheet, useWindowDimensions, View } from "react-native";
import { Appbar, Button, IconButton, Text } from "react-native-paper";

import { useSession } from "@/api/session";
import { useWords } from "@/words";

import { Boundary } from "./boundary";
import { useAppTheme, useTextScale } from "./theme";

export function Screen({
  title,
  back,
  isList = false,
  children,
}: {
  title: string;
  back?: string;
  /** The screen scrolls by itself. */
  isList?: boolean;
  children: ReactNode;
}) {
  const theme = useAppTheme();
  const words = useWords();
  const { state } = useSession();
  const path = usePathname();
  // The word of the kill switch would leave nothing of the title.
  const isNarrow = useWindowDimensions().width < LEAST_FOR_WORDS * useTextScale();
  const isIn = state === "in" || state === "over";
  return (
    <View style={[styles.whole, { backgroundColor: theme.colors.background }]}>
      <Appbar.Header mode="small" style={{ backgroundColor: theme.colors.surface }}>
        {back === undefined ? null : (
          <Appbar.Action
            icon="arrow-left"
            style={styles.back}
            accessibilityLabel={words.common.back}
            onPress={() => (router.canGoBack() ? router.back() : router.replace(back as "/"))}
          />
        )}
        <Appbar.Content title={<Title text={title} isCrowded={isIn && back !== undefined} />} />
        {!isIn || path === "/kill" ? null : isNarrow ? (
          <IconButton
            mode="contained"
            icon="alert-octagon"
            containerColor={theme.colors.bad}
            iconColor={theme.dark ? "#3b0a07" : "#ffffff"}
            accessibilityLabel={words.kill.open}
            style={styles.back}
            onPress={() => router.push("/kill")}
            testID="open-kill"
          />
        ) : (
          <Button
            mode="contained"
            icon="alert-octagon"
            buttonColor={theme.colors.bad}
            textColor={theme.dark ? "#3b0a07" : "#ffffff"}
            style={styles.kill}
            onPress={() => router.push("/kill")}
            testID="open-kill"
          >
            {words.kill.open}
          </Button>
        )}
      </Appbar.Header>
      <View role="main" style={styles.whole}>
        {isList ? (
          <View style={[styles.column, styles.whole]}>
            <Boundary>{children}</Boundary>
          </View>
        ) : (
          <ScrollView contentContainerStyle={styles.scrolled} keyboardShouldPersistTaps="handled" {...FOCUSABLE}>
            <View style={styles.column}>
              <Boundary>{children}</Boundary>
            </View>
          </ScrollView>
        )}
      </View>
    </View>
  );
}

/** Around a whole screen, for what fails before its frame is there. */
export function ScreenBoundary({ children }: { children: ReactNode }) {
  const words = useWords();
  return (
    <Boundary
      frame={(panel) => (
        <Screen title={words.broken.title} back="/">
          {panel}
        </Screen>
      )}
    >
      {children}
    </Boundary>
  );
}

/** Whoever has only a keyboard scrolls with its arrows what can be focused. */
export const FOCUSABLE = Platform.OS === "web" ? { tabIndex: 0 as const } : {};

/** Beside Back and the kill switch a long one takes two lines rather than lose its end. */
function Title({ text, isCrowded }: { text: string; isCrowded: boolean }) {
  const scale = useTextScale();
  const { width } = useWindowDimensions();
  const isSmall = isCrowded && width < 600 && text.length * scale > MOST_LETTERS;
  return (
    <Text variant={isSmall ? "titleMedium" : "titleLarge"} role="heading" aria-level={1} numberOfLines={isSmall ? 2 : 1} style={isSmall ? { lineHeight: 20 * scale } : null}>
      {text}
    </Text>
  );
}

const MOST_LETTERS = 17;
const LEAST_FOR_WORDS = 240;

const styles = StyleSheet.create({
  whole: { flex: 1 },
  back: { width: 48, height: 48, margin: 2 },
  kill: { marginRight: 8 },
  scrolled: { alignItems: "center", paddingBottom: 48 },
  column: { width: "100%", maxWidth: 720, alignSelf: "center", padding: 16, gap: 16 },
});
