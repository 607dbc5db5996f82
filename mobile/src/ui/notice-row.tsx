import { memo } from "react";
import { StyleSheet, View } from "react-native";
import { Text, TouchableRipple } from "react-native-paper";

import type { Notice } from "@/api/notices";
import { istDay, istTime } from "@/rules/clock";
import type { NoticeKind } from "@/rules/notices";
import { forPeople, useWords } from "@/words";
import type { Words } from "@/words/en";

import { ToneText } from "./parts";
import { useAppTheme } from "./theme";

/** The API may have learnt kinds that this app does not know yet. */
export function kindName(words: Words, kind: string): string {
  return Object.hasOwn(words.notices.kinds, kind) ? words.notices.kinds[kind as NoticeKind] : kind.replaceAll("_", " ");
}

/** One notice. Opening it marks it as read and leads to what it speaks of. */
export const NoticeRow = memo(function NoticeRow({ notice, onOpen }: { notice: Notice; onOpen: () => void }) {
  const words = useWords();
  const { colors } = useAppTheme();
  const isNew = notice.read_at === null;
  const title = kindName(words, notice.kind);
  return (
    <TouchableRipple
      role="button"
      onPress={onOpen}
      style={[styles.row, { backgroundColor: colors.surface, borderColor: isNew ? colors.primary : colors.outlineVariant }]}
      testID={`notice-${notice.kind}`}
    >
      <View style={styles.inside}>
        <View style={styles.head}>
          <Text variant="titleSmall" style={[styles.title, isNew ? styles.bold : null]}>
            {notice.symbol === null ? title : `${notice.symbol} · ${title}`}
          </Text>
          {isNew ? <ToneText tone="busy">{words.notices.inbox.isNew}</ToneText> : null}
        </View>
        <Text>{forPeople(notice.text)}</Text>
        <Text variant="bodySmall" style={{ color: colors.onSurfaceVariant }}>{`${istDay(notice.created_at)} ${istTime(notice.created_at)} IST`}</Text>
      </View>
    </TouchableRipple>
  );
});

const styles = StyleSheet.create({
  row: { borderWidth: 1, borderRadius: 10, padding: 12 },
  inside: { gap: 4 },
  head: { flexDirection: "row", justifyContent: "space-between", gap: 8 },
  title: { flexShrink: 1 },
  bold: { fontWeight: "700" },
});
