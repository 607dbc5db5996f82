/** What cannot be drawn takes nothing else along: the way back and the kill switch stay. */
import { notifyManager, useQueryClient } from "@tanstack/react-query";
import { Component, type ReactNode } from "react";
import { View } from "react-native";
import { Button, Text } from "react-native-paper";

import { useWords } from "@/words";

import { useAppTheme } from "./theme";

interface Props {
  /** In place of what failed; the panel that says so is given. */
  frame?: (panel: ReactNode) => ReactNode;
  children: ReactNode;
}

/** An answer of the API that is not as its document says is met here, wherever a screen trips over it. */
export class Boundary extends Component<Props, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override render() {
    if (!this.state.hasFailed) return this.props.children;
    const panel = <Broken again={() => this.setState({ hasFailed: false })} />;
    return this.props.frame === undefined ? panel : this.props.frame(panel);
  }
}

function Broken({ again }: { again: () => void }) {
  const words = useWords();
  const { colors } = useAppTheme();
  const queries = useQueryClient();
  const anew = () => {
    // What was read is what could not be shown: it must not be met again.
    void queries.resetQueries();
    // Once the screen around has heard that it is gone.
    notifyManager.schedule(again);
  };
  return (
    <View role="alert" accessibilityLiveRegion="assertive" style={{ gap: 12 }} testID="broken">
      <Text style={{ color: colors.bad, fontWeight: "700" }}>{words.broken.text}</Text>
      <Button mode="outlined" onPress={anew}>
        {words.common.tryAgain}
      </Button>
    </View>
  );
}
