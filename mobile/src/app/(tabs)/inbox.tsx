import { router } from "expo-router";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { useInbox, useMarkRead, type Notice } from "@/api/notices";
import { screenOf } from "@/rules/notices";
import { NoticeRow } from "@/ui/notice-row";
import { Older } from "@/ui/older";
import { Loaded, ProblemText } from "@/ui/parts";
import { RowList } from "@/ui/row-list";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function Inbox() {
  const words = useWords().notices;
  const inbox = useInbox();
  const marking = useMarkRead();
  const open = (notice: Notice) => {
    if (notice.read_at === null) marking.mutate([notice.notice_id]);
    const screen = screenOf(notice);
    if (screen !== null) router.push(screen);
  };
  return (
    <Screen title={words.inbox.title} isList>
      <Loaded query={inbox}>
        {({ notices, unread }) => (
          <RowList
            space={8}
            data={notices}
            keyExtractor={(notice) => String(notice.notice_id)}
            renderItem={({ item }) => <NoticeRow notice={item} onOpen={() => open(item)} />}
            ListHeaderComponent={
              <Head unread={unread} isMarking={marking.isPending} error={marking.error} onMarkAll={() => marking.mutate(null)} />
            }
            ListEmptyComponent={<Text style={styles.empty}>{words.inbox.none}</Text>}
            ListFooterComponent={<Older pages={inbox} />}
            contentContainerStyle={styles.list}
            initialNumToRender={12}
            testID="notices"
          />
        )}
      </Loaded>
    </Screen>
  );
}

function Head({ unread, isMarking, error, onMarkAll }: { unread: number; isMarking: boolean; error: unknown; onMarkAll: () => void }) {
  const words = useWords().notices.inbox;
  return (
    <View style={styles.head}>
      <View style={styles.line}>
        <View role="status" accessibilityLiveRegion="polite" testID="unread">
          <Text variant="titleSmall">{words.unread(unread)}</Text>
        </View>
        <Button mode="outlined" icon="check" loading={isMarking} disabled={isMarking || unread === 0} onPress={onMarkAll} testID="mark-all">
          {words.markAll}
        </Button>
      </View>
      <ProblemText error={error} />
      <View style={styles.buttons}>
        <Button mode="outlined" icon="cog" onPress={() => router.push("/notifications/preferences")} testID="to-preferences">
          {words.preferences}
        </Button>
        <Button mode="outlined" icon="format-list-bulleted" onPress={() => router.push("/notifications/deliveries")} testID="to-deliveries">
          {words.deliveries}
        </Button>
      </View>
    </View>
  );
}

const styles = StyleSheet.create({
  list: { paddingBottom: 24 },
  head: { gap: 12, paddingBottom: 4 },
  line: { flexDirection: "row", flexWrap: "wrap", justifyContent: "space-between", alignItems: "center", gap: 12 },
  buttons: { flexDirection: "row", flexWrap: "wrap", gap: 12 },
  empty: { padding: 24, textAlign: "center" },
});
