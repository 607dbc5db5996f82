import { Tabs } from "expo-router";
import { useSafeAreaInsets } from "react-native-safe-area-context";

import { useInbox } from "@/api/notices";
import { showCount } from "@/rules/notices";
import type { IconName } from "@/ui/icon-paths";
import { ScreenBoundary } from "@/ui/screen";
import { TabIcon } from "@/ui/tab-icon";
import { useAppTheme, useTextScale } from "@/ui/theme";
import { useWords } from "@/words";

export default function TabsLayout() {
  const words = useWords();
  const { colors } = useAppTheme();
  const { bottom } = useSafeAreaInsets();
  // Five words beside each other: more does not fit a phone.
  const size = 11 * Math.min(useTextScale(), 1.2);
  const { inbox } = words.notices;
  const unread = useInbox().data?.unread ?? 0;
  const count = unread === 0 ? null : showCount(unread);
  const tab = (title: string, icon: IconName, isMarked = false) => ({
    title,
    tabBarIcon: ({ color }: { color: unknown }) => <TabIcon icon={icon} color={String(color)} isMarked={isMarked} />,
  });
  return (
    <Tabs
      screenLayout={({ children }) => <ScreenBoundary>{children}</ScreenBoundary>}
      screenOptions={{
        headerShown: false,
        tabBarActiveTintColor: colors.primary,
        tabBarInactiveTintColor: colors.onSurfaceVariant,
        tabBarStyle: { backgroundColor: colors.surface, borderTopColor: colors.outlineVariant, height: 60 + bottom },
        tabBarLabelStyle: { fontSize: size, lineHeight: size * 1.4 },
      }}
    >
      <Tabs.Screen name="index" options={tab(words.today.title, "home")} />
      <Tabs.Screen name="positions" options={tab(words.positions.title, "cash-multiple")} />
      <Tabs.Screen
        name="inbox"
        options={{ ...tab(inbox.tab(count), "bell", unread > 0), tabBarAccessibilityLabel: inbox.tabAloud(count) }}
      />
      <Tabs.Screen name="risk" options={tab(words.risk.title, "shield-alert")} />
      <Tabs.Screen name="settings" options={tab(words.settings.title, "cog")} />
    </Tabs>
  );
}
