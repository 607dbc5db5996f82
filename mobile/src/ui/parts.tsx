/** Small parts that many screens share. */
import { useState, type ReactNode } from "react";
import { StyleSheet, View } from "react-native";
import { ActivityIndicator, Button, Card, Text } from "react-native-paper";

import { isAgeUnknown } from "@/api/restored";
import { onServer } from "@/api/server-clock";
import { istMoment, showDuration } from "@/rules/clock";
import type { Tone } from "@/rules/standing";
import { tell, useWords, type Here } from "@/words";

import { useIsOld, type Freshness } from "./freshness";
import { useNow } from "./now";
import { Overlay } from "./overlay";
import { useAppTheme } from "./theme";

/** What went wrong and what to do. Read aloud at once. */
export function ProblemText({ error, here }: { error: unknown; here?: Here }) {
  const words = useWords();
  const theme = useAppTheme();
  if (error === null || error === undefined) return null;
  const { message, advice } = tell(words, error, here);
  return (
    <View role="alert" accessibilityLiveRegion="assertive" testID="problem">
      <Text style={{ color: theme.colors.bad, fontWeight: "700" }}>{advice}</Text>
      <Text variant="bodySmall" style={{ color: theme.colors.bad }}>
        {message}
      </Text>
    </View>
  );
}

/** Shows what was read last: before the first answer why there is none, after a failure, and once it should have been
 * renewed, how old it is. `every`: milliseconds between its readings, where it is read by itself. */
export function Loaded<T>({ query, every, children }: { query: Reading<T>; every?: number | undefined; children: (data: T) => ReactNode }) {
  const words = useWords();
  if (query.data === undefined) {
    if (query.error === null) return <ActivityIndicator accessibilityLabel={words.common.loading} style={styles.wait} />;
    return (
      <View style={styles.gap}>
        <ProblemText error={query.error} />
        <Button mode="outlined" onPress={() => void query.refetch()}>
          {words.common.tryAgain}
        </Button>
      </View>
    );
  }
  return (
    <>
      <StaleBanner query={query} every={every} />
      {children(query.data)}
    </>
  );
}

type Reading<T> = Freshness & { data: T | undefined; refetch: () => unknown };

/** The age of a state that could not be renewed, or was not yet since the app was started or looked at again; brief where
 * many stand below each other. */
export function StaleBanner({ query, every, isBrief = false }: { query: Freshness; every?: number | undefined; isBrief?: boolean }) {
  if (!useIsOld(query, every)) return null;
  return <Stale since={query.dataUpdatedAt} error={isBrief ? null : (query.error ?? query.failureReason)} />;
}

function Stale({ since, error }: { since: number; error: unknown }) {
  const words = useWords();
  const theme = useAppTheme();
  const now = useNow();
  const read = onServer(since);
  const age = showDuration(Math.max(1_000, now - read));
  // Nothing has been read yet where there is no such time.
  // Read by this device's clock, shown by the product's.
  const isUnknown = isAgeUnknown(since, now - (read - since));
  const known = since === 0 ? words.common.neverKnown : isUnknown ? words.common.ageUnknown : words.common.retryKnown(age, istMoment(read, now));
  return (
    <View role="status" accessibilityLiveRegion="polite" testID="stale" style={error === null ? null : [styles.banner, { borderColor: theme.colors.busy }]}>
      <Text style={{ color: theme.colors.busy, fontWeight: "700" }}>{known}</Text>
      {error === null ? null : <Text variant="bodySmall">{tell(words, error).advice}</Text>}
    </View>
  );
}

/** A word about a state; the colour only repeats what the word says. */
export function ToneText({ tone, children, large = false }: { tone: Tone; children: ReactNode; large?: boolean }) {
  const { colors } = useAppTheme();
  const color = { quiet: colors.onSurfaceVariant, good: colors.good, busy: colors.busy, bad: colors.bad }[tone];
  return (
    <Text variant={large ? "titleLarge" : "titleSmall"} style={{ color, fontWeight: "700" }}>
      {children}
    </Text>
  );
}

export function Result({ amount, text }: { amount: number | null | undefined; text: string }) {
  const tone: Tone = !amount ? "quiet" : amount > 0 ? "good" : "bad";
  return <ToneText tone={tone}>{text}</ToneText>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  const { colors } = useAppTheme();
  return (
    <View style={styles.fact}>
      <Text variant="bodySmall" style={{ color: colors.onSurfaceVariant }}>
        {name}
      </Text>
      {typeof children === "string" ? <Text variant="titleSmall">{children}</Text> : children}
    </View>
  );
}

export function Facts({ children }: { children: ReactNode }) {
  return <View style={styles.facts}>{children}</View>;
}

export function Panel({ title, children }: { title?: string; children: ReactNode }) {
  return (
    <Card mode="outlined">
      <Card.Content style={styles.gap}>
        {title === undefined ? null : (
          <Text variant="titleMedium" role="heading" aria-level={2}>
            {title}
          </Text>
        )}
        {children}
      </Card.Content>
    </Card>
  );
}

/** A button that asks once more before it does something. */
export function AskedButton({
  label,
  spoken = label,
  question,
  icon,
  isDangerous = false,
  isDisabled = false,
  onConfirmed,
}: {
  label: string;
  /** As a screen reader says it, where the label alone stands more than once. */
  spoken?: string;
  question: string;
  icon: string;
  isDangerous?: boolean;
  isDisabled?: boolean;
  onConfirmed: () => void;
}) {
  const { colors } = useAppTheme();
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <Button
        mode="outlined"
        icon={icon}
        disabled={isDisabled}
        accessibilityLabel={spoken}
        textColor={isDangerous ? colors.bad : colors.primary}
        onPress={() => setAsking(true)}
      >
        {label}
      </Button>
      <Question
        title={label}
        text={question}
        yes={label}
        isShown={isAsking}
        isDangerous={isDangerous}
        onNo={() => setAsking(false)}
        onYes={() => {
          setAsking(false);
          onConfirmed();
        }}
      />
    </>
  );
}

/** A question with two answers. */
export function Question({
  title,
  text,
  yes,
  isShown,
  isDangerous = true,
  onNo,
  onYes,
}: {
  title: string;
  text: string;
  yes: string;
  isShown: boolean;
  isDangerous?: boolean;
  onNo: () => void;
  onYes: () => void;
}) {
  const words = useWords();
  const { colors } = useAppTheme();
  return (
    <Overlay title={title} isShown={isShown} onDismiss={onNo}>
      <Text>{text}</Text>
      <View style={styles.answers}>
        <Button onPress={onNo}>{words.common.cancel}</Button>
        <Button mode="contained" buttonColor={isDangerous ? colors.bad : colors.primary} textColor={colors.surface} testID="confirm" onPress={onYes}>
          {yes}
        </Button>
      </View>
    </Overlay>
  );
}

/** What is wrong with the field above it. */
export function FieldError({ text }: { text: string | undefined }) {
  const { colors } = useAppTheme();
  if (text === undefined) return null;
  return (
    <Text variant="bodySmall" role="alert" style={[styles.beneath, { color: colors.bad }]}>
      {text.charAt(0).toUpperCase() + text.slice(1)}
    </Text>
  );
}

/** What the field above it is about. */
export function Hint({ children }: { children: string }) {
  const { colors } = useAppTheme();
  return (
    <Text variant="bodySmall" style={{ color: colors.onSurfaceVariant }}>
      {children}
    </Text>
  );
}

const styles = StyleSheet.create({
  wait: { margin: 32 },
  gap: { gap: 12 },
  banner: { borderWidth: 1, borderLeftWidth: 6, borderRadius: 6, padding: 10 },
  fact: { flexBasis: 136, flexGrow: 1 },
  facts: { flexDirection: "row", flexWrap: "wrap", columnGap: 16, rowGap: 8 },
  answers: { flexDirection: "row", flexWrap: "wrap", justifyContent: "flex-end", gap: 8 },
  beneath: { paddingTop: 4 },
});
