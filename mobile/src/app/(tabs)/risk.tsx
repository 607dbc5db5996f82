import { zodResolver } from "@hookform/resolvers/zod";
import { router } from "expo-router";
import { useState } from "react";
import { Controller, useForm, useWatch } from "react-hook-form";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";
import * as z from "zod/mini";

import { ApiProblem } from "@/api/problem";
import { STATUS_POLL_MS, useCommand, useRisk, type Command, type RiskProfile, type RiskRead } from "@/api/queries";
import { istDay, istTime } from "@/rules/clock";
import { plain } from "@/rules/entry";
import { showResult, showRupees } from "@/rules/money";
import { FreshCode } from "@/ui/fresh-code";
import { LabelledSwitch } from "@/ui/labelled-switch";
import { Fact, Facts, FieldError, Loaded, Panel, ProblemText, Result } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { TextInput } from "@/ui/text-input";
import { useWords } from "@/words";

export default function Risk() {
  const words = useWords();
  const risk = useRisk();
  const [opened, setOpened] = useState(0);
  return (
    <Screen title={words.risk.title}>
      <Loaded query={risk} every={STATUS_POLL_MS}>
        {(profile) => (
          <>
            <Usage profile={profile} />
            <Limits key={opened} profile={profile} onLoadAgain={() => void risk.refetch().then(({ isSuccess }) => isSuccess && setOpened(opened + 1))} />
            <Events profile={profile} />
          </>
        )}
      </Loaded>
    </Screen>
  );
}

function Usage({ profile: { usage, limits, kill_switch: killSwitch } }: { profile: RiskProfile }) {
  const words = useWords();
  const money = (used: number, limit: number | null) => words.risk.used(showRupees(Math.max(0, -used)), limit === null ? words.common.noLimit : showRupees(limit));
  const count = (used: number, limit: number | null) => words.risk.used(String(used), limit === null ? words.common.noLimit : String(limit));
  return (
    <Panel title={words.risk.usage}>
      {killSwitch.is_locked ? (
        <>
          <Text role="status">{killSwitch.operator === null ? words.kill.on : words.kill.operator}</Text>
          <Button mode="outlined" icon="alert-octagon" onPress={() => router.push("/kill")}>{words.kill.open}</Button>
        </>
      ) : null}
      <Facts>
        <Fact name={words.risk.day}><Result amount={usage.today.net} text={showResult(usage.today.net)} /></Fact>
        <Fact name={words.risk.week}><Result amount={usage.week.net} text={showResult(usage.week.net)} /></Fact>
        <Fact name={words.risk.daily}>{money(usage.today.net, limits.daily_loss_limit)}</Fact>
        <Fact name={words.risk.weekly}>{money(usage.week.net, limits.weekly_loss_limit)}</Fact>
        <Fact name={words.risk.open}>{count(usage.open_strategies, limits.open_strategies)}</Fact>
        <Fact name={words.risk.orders}>{count(usage.orders_in_last_minute, limits.orders_per_minute)}</Fact>
      </Facts>
    </Panel>
  );
}

const AMOUNTS = ["daily_loss_limit", "weekly_loss_limit", "position_size_limit", "symbol_exposure_limit"] as const;
const COUNTS = ["orders_per_minute", "open_strategies"] as const;
const NAMES = [...AMOUNTS, ...COUNTS] as const;
type LimitName = (typeof NAMES)[number];
const FIELDS = [...NAMES, "square_off_on_loss"] as const;
type Entered = Record<LimitName, string> & { square_off_on_loss: boolean };

function Limits({ profile, onLoadAgain }: { profile: RiskRead; onLoadAgain: () => void }) {
  const words = useWords();
  // The limits that the form was opened with, or stored last, are those that it replaces; later readings move neither.
  const [{ limits }] = useState(profile);
  const [tag, setTag] = useState(profile.tag);
  const command = useCommand();
  const amount = z.string().check(z.refine((text) => /^(\d{1,11}(\.\d{1,2})?)?$/.test(plain(text)), words.risk.amountWrong));
  const count = z.string().check(z.refine((text) => /^([1-9]\d{0,3}|10000)?$/.test(plain(text)), words.risk.countWrong));
  const schema = z.object({
    daily_loss_limit: amount,
    weekly_loss_limit: amount,
    position_size_limit: amount,
    symbol_exposure_limit: amount,
    orders_per_minute: count,
    open_strategies: count,
    square_off_on_loss: z.boolean(),
  });
  const text = (name: LimitName) => (limits[name] === null ? "" : String(limits[name]));
  const form = useForm<Entered>({
    resolver: zodResolver(schema),
    defaultValues: {
      ...(Object.fromEntries(NAMES.map((name) => [name, text(name)])) as Record<LimitName, string>),
      square_off_on_loss: limits.square_off_on_loss,
    },
  });
  const fromApi = command.error instanceof ApiProblem ? command.error.fields : [];
  const [sent, setSent] = useState<Entered | null>(null);
  const entry = useWatch({ control: form.control });
  // What was changed since is not stored.
  const isStored = command.isSuccess && sent !== null && FIELDS.every((name) => entry[name] === sent[name]);
  const submit = form.handleSubmit((entered) => {
    setSent(entered);
    const value = (name: LimitName) => (entered[name].trim() === "" ? null : Number(plain(entered[name])));
    const wanted: Command = {
      kind: "limits",
      tag,
      limits: {
        daily_loss_limit: value("daily_loss_limit"),
        weekly_loss_limit: value("weekly_loss_limit"),
        position_size_limit: value("position_size_limit"),
        symbol_exposure_limit: value("symbol_exposure_limit"),
        orders_per_minute: value("orders_per_minute"),
        open_strategies: value("open_strategies"),
        square_off_on_loss: entered.square_off_on_loss,
      },
    };
    command.send(wanted, (answer) => setTag(answer.tag ?? null));
  });
  const isOutdated = command.error instanceof ApiProblem && command.error.code === "PRECONDITION_FAILED";
  const labels: Record<LimitName, string> = {
    daily_loss_limit: words.risk.daily,
    weekly_loss_limit: words.risk.weekly,
    position_size_limit: words.risk.position,
    symbol_exposure_limit: words.risk.exposure,
    orders_per_minute: words.risk.orders,
    open_strategies: words.risk.open,
  };
  return (
    <Panel title={words.risk.limits}>
      {NAMES.map((name) => (
        <Controller
          key={name}
          control={form.control}
          name={name}
          render={({ field, fieldState }) => (
            <View>
              <TextInput mode="outlined" label={labels[name]} accessibilityLabel={labels[name]} value={field.value} onChangeText={field.onChange} inputMode="decimal" error={fieldState.error !== undefined} testID={name} />
              <FieldError text={fieldState.error?.message ?? fromApi.find((one) => one.field === name)?.problem} />
            </View>
          )}
        />
      ))}
      <Controller
        control={form.control}
        name="square_off_on_loss"
        render={({ field }) => (
          <LabelledSwitch label={words.risk.squareOff} value={field.value} onChange={field.onChange} variant="bodyMedium" style={styles.line} textStyle={styles.grow} testID="square-off-on-loss" />
        )}
      />
      <ProblemText error={command.error} />
      <FreshCode error={command.error} again={() => void submit()} />
      {isOutdated ? (
        <Button mode="outlined" icon="refresh" onPress={onLoadAgain} testID="load-again">
          {words.common.loadAgain}
        </Button>
      ) : null}
      {isStored ? <Text role="status" testID="limits-saved">{words.risk.saved}</Text> : null}
      <Button mode="contained" loading={command.isPending} disabled={command.isPending} onPress={() => void submit()} testID="save-limits">
        {words.risk.save}
      </Button>
    </Panel>
  );
}

function Events({ profile }: { profile: RiskProfile }) {
  const words = useWords();
  if (profile.events.length === 0) return null;
  return (
    <Panel title={words.risk.events}>
      {profile.events.map((event) => (
        <View key={`${event.at}${event.kind}`}>
          <Text>{event.text}</Text>
          <Text variant="bodySmall">{`${istDay(event.at)} ${istTime(event.at)}`}</Text>
        </View>
      ))}
    </Panel>
  );
}

const styles = StyleSheet.create({
  line: { flexDirection: "row", alignItems: "center", gap: 12 },
  grow: { flex: 1 },
});
