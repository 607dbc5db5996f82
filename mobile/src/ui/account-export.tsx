import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Platform, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { collectAccountData } from "@/api/account-data";
import { useApi } from "@/api/session";
import { serverNow } from "@/api/server-clock";
import { istDay } from "@/rules/clock";
import { useWords } from "@/words";

import { forgetHanded, handOver, HANDED } from "./hand-over";
import { Panel, ProblemText } from "./parts";

/** Two steps: browsers let a file be saved, and phones let one be shared, only upon a press. */
export function AccountExport() {
  const words = useWords().accountData;
  const api = useApi();
  const [pages, setPages] = useState(0);
  const left = useRef(new AbortController());
  const [name] = useState(() => `algotrading-data-${istDay(serverNow())}.json`);
  const collecting = useMutation({
    mutationFn: () => {
      setPages(0);
      left.current.abort();
      left.current = new AbortController();
      return collectAccountData(api, setPages, left.current.signal);
    },
    onMutate: () => handing.reset(),
  });
  const handing = useMutation({ mutationFn: (text: string) => handOver(name, text) });
  useEffect(
    () => () => {
      left.current.abort();
      forgetHanded(name);
    },
    [name],
  );
  const collected = collecting.data;
  return (
    <Panel title={words.take}>
      <Text>{words.takeHow}</Text>
      <View role="status" accessibilityLiveRegion="polite" testID="export-state">
        {collecting.isPending ? <Text>{words.collecting(pages)}</Text> : null}
        {collected === undefined ? null : (
          <Text>{words.ready(collected.rows.toLocaleString("en-IN"), collected.sections, showSize(collected.text.length))}</Text>
        )}
        {handing.data === true ? <Text>{words.handed[HANDED]}</Text> : null}
        {handing.data === false ? <Text>{words.notShared}</Text> : null}
      </View>
      <ProblemText error={collecting.error ?? handing.error} />
      {collected === undefined ? (
        <Button mode="contained" loading={collecting.isPending} disabled={collecting.isPending} onPress={() => collecting.mutate()} testID="collect">
          {words.collect}
        </Button>
      ) : (
        <Button mode="contained" loading={handing.isPending} disabled={handing.isPending} onPress={() => handing.mutate(collected.text)} testID="hand-over">
          {Platform.OS === "web" ? words.save : words.share}
        </Button>
      )}
    </Panel>
  );
}

/** Of mostly plain letters, so that characters are about bytes. */
function showSize(characters: number): string {
  return characters < 1_000_000 ? `${Math.ceil(characters / 1000)} KB` : `${(characters / 1_000_000).toFixed(1)} MB`;
}
