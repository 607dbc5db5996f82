import { Tabs } from "expo-router";

import { useInbox } from "@/api/notices";
import { showCount } from "@/rules/notices";
import { Icon } from "@/ui/icon";
import type { IconName } from "@/ui/icon-paths";
import { useAppTheme } from "@/ui/theme";
import { useWords } from "@/words";

export default function TabsLayout() {
  const words = useWords();
  const { colors } = useAppTheme();
  const unread = useInbox().data?.unread ?? 0;
  const tab = (title: string, icon: IconName) => ({
    title,
    tabBarIcon: ({ color }: { color: unknown }) => <Icon name={icon} color={String(color)} size={24} />,
  });
  return (
    <Tabs
      screenOptions={{
        headerShown: false,
        tabBarActiveTintColor: colors.primary,
        tabBarInactiveTintColor: colors.onSurfaceVariant,
        tabBarStyle: { backgroundColor: colors.surface, borderTopColor: colors.outlineVariant },
      }}
    >
      <Tabs.Screen name="index" options={tab(words.today.title, "home")} />
      <Tabs.Screen name="positions" options={tab(words.positions.title, "cash-multiple")} />
      <Tabs.Screen
        name="inbox"
        options={{
          ...tab(words.notices.inbox.title, "bell"),
          tabBarAccessibilityLabel: words.notices.inbox.tab(unread),
          tabBarBadgeStyle: { backgroundColor: colors.bad, color: colors.surface },
          ...(unread > 0 ? { tabBarBadge: showCount(unread) } : {}),
        }}
      />
      <Tabs.Screen name="risk" options={tab(words.risk.title, "shield-alert")} />
      <Tabs.Screen name="settings" options={tab(words.settings.title, "cog")} />
    </Tabs>
  );
}
