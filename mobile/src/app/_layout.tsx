import { QueryClientProvider } from "@tanstack/react-query";
import { Stack } from "expo-router";
import { StatusBar } from "expo-status-bar";
import { useEffect, useMemo, useState } from "react";
import { useColorScheme, View } from "react-native";
import { ActivityIndicator, Button, PaperProvider, Text } from "react-native-paper";
import { enableScreens } from "react-native-screens";

import { loadEnvironment, type Environment } from "@/api/environment";
import { watchForeground } from "@/api/foreground";
import { useGoOn } from "@/api/go-on";
import { makeQueries } from "@/api/queries";
import { SessionProvider, useSession } from "@/api/session";
import { Icon } from "@/ui/icon";
import { PreferencesProvider, usePreferences } from "@/ui/preferences";
import { Pushes } from "@/ui/pushes";
import { Relogin } from "@/ui/relogin";
import { ScreenBoundary } from "@/ui/screen";
import { makeTheme } from "@/ui/theme";
import { useWords } from "@/words";

// In a browser they are off unless asked for: the tabs that are not in front would then stay in reach of the keyboard.
enableScreens();

export default function Root() {
  return (
    <PreferencesProvider>
      <Themed />
    </PreferencesProvider>
  );
}

function Themed() {
  const { preferences } = usePreferences();
  const scheme = useColorScheme();
  const isDark = preferences.mode === "system" ? scheme === "dark" : preferences.mode === "dark";
  const theme = useMemo(() => makeTheme(isDark, preferences.size), [isDark, preferences.size]);
  return (
    <PaperProvider
      theme={theme}
      settings={{
        icon: ({ name, color, size }) => <Icon name={String(name)} color={color} size={size} />,
      }}
    >
      <StatusBar style={isDark ? "light" : "dark"} />
      <Started />
    </PaperProvider>
  );
}

/** Nothing can be shown before it is known where the product is. */
function Started() {
  const words = useWords();
  const [queries] = useState(makeQueries);
  useEffect(watchForeground, []);
  const [environment, setEnvironment] = useState<Environment | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    loadEnvironment().then(setEnvironment, (error: unknown) => setFault(String(error)));
  }, [attempt]);
  if (environment === null) {
    return (
      <View style={{ flex: 1, justifyContent: "center", padding: 24, gap: 16 }}>
        {fault === null ? <ActivityIndicator accessibilityLabel={words.common.loading} /> : null}
        {fault === null ? null : (
          <>
            <Text role="alert">{`${words.start.failed} ${fault}`}</Text>
            <Button
              mode="contained"
              onPress={() => {
                setFault(null);
                setAttempt(attempt + 1);
              }}
            >
              {words.common.tryAgain}
            </Button>
          </>
        )}
      </View>
    );
  }
  return (
    <QueryClientProvider client={queries}>
      <SessionProvider environment={environment}>
        <Pages />
      </SessionProvider>
    </QueryClientProvider>
  );
}

function Pages() {
  const { state } = useSession();
  useGoOn(state);
  if (state === "unknown") return null;
  // While a login is over its screens stay: their owner goes on where they were.
  const isIn = state !== "out";
  return (
    <>
      <Stack screenOptions={{ headerShown: false }} screenLayout={({ children }) => <ScreenBoundary>{children}</ScreenBoundary>}>
        <Stack.Protected guard={isIn}>
          <Stack.Screen name="(tabs)" />
          <Stack.Screen name="broker" />
          <Stack.Screen name="strategy/new" />
          <Stack.Screen name="strategy/[id]/index" />
          <Stack.Screen name="strategy/[id]/edit" />
          <Stack.Screen name="strategy/[id]/timeline" />
          <Stack.Screen name="strategy/[id]/orders" />
          <Stack.Screen name="kill" />
          <Stack.Screen name="devices" />
          <Stack.Screen name="second-factor" />
          <Stack.Screen name="password" />
          <Stack.Screen name="keys" />
          <Stack.Screen name="viewers" />
          <Stack.Screen name="shared/[id]" />
          <Stack.Screen name="notifications/preferences" />
          <Stack.Screen name="notifications/deliveries" />
        </Stack.Protected>
        <Stack.Protected guard={!isIn}>
          <Stack.Screen name="login" />
          <Stack.Screen name="register" />
        </Stack.Protected>
        <Stack.Screen name="account-data" />
        <Stack.Screen name="confirm" />
        <Stack.Screen name="forgot" />
        <Stack.Screen name="reset" />
        <Stack.Screen name="verify" />
      </Stack>
      {isIn ? <Pushes /> : null}
      {state === "over" ? <Relogin /> : null}
    </>
  );
}
