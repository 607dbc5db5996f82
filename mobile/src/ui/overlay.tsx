/** A question over the screen. The platform's own modal: it takes the focus, keeps it, gives it back, and hears Escape and
 * Android's back button; the component kit's does none of that in a browser. */
import type { ReactNode } from "react";
import { Modal, Pressable, ScrollView, StyleSheet, View } from "react-native";
import { Text } from "react-native-paper";

import { useAppTheme } from "./theme";

export function Overlay({
  title,
  isShown,
  onDismiss,
  children,
  testID,
}: {
  title: string;
  isShown: boolean;
  /** Left out: it has to be answered. */
  onDismiss?: () => void;
  children: ReactNode;
  testID?: string;
}) {
  const { colors } = useAppTheme();
  return (
    <Modal transparent visible={isShown} animationType="none" onRequestClose={() => onDismiss?.()} testID={testID} aria-label={title}>
      <View style={styles.whole}>
        <Pressable
          style={[StyleSheet.absoluteFill, { backgroundColor: colors.backdrop }]}
          onPress={onDismiss}
          disabled={onDismiss === undefined}
          // A pointer's way out; keyboards have Escape and Cancel.
          tabIndex={-1}
          accessible={false}
        />
        <View style={[styles.card, { backgroundColor: colors.elevation.level3, borderColor: colors.outlineVariant }]}>
          <ScrollView contentContainerStyle={styles.inside} keyboardShouldPersistTaps="handled">
            <Text variant="titleLarge" role="heading" aria-level={2}>
              {title}
            </Text>
            {children}
          </ScrollView>
        </View>
      </View>
    </Modal>
  );
}

const styles = StyleSheet.create({
  whole: { flex: 1, alignItems: "center", justifyContent: "center", padding: 16 },
  card: { width: "100%", maxWidth: 480, maxHeight: "100%", borderRadius: 16, borderWidth: 1 },
  inside: { padding: 24, gap: 16 },
});
