import { StyleSheet, View } from "react-native";

import { Icon } from "./icon";
import type { IconName } from "./icon-paths";
import { useAppTheme } from "./theme";

/** Of a tab, with a dot where something waits there; the tab's words say what. */
export function TabIcon({ icon, color, isMarked = false }: { icon: IconName; color: string; isMarked?: boolean }) {
  const { colors } = useAppTheme();
  return (
    <View>
      <Icon name={icon} color={color} size={24} />
      {isMarked ? <View style={[styles.dot, { backgroundColor: colors.bad, borderColor: colors.surface }]} /> : null}
    </View>
  );
}

const styles = StyleSheet.create({
  dot: { position: "absolute", right: -2, top: -2, width: 12, height: 12, borderRadius: 6, borderWidth: 2 },
});
