/** The plan of a strategy: what, when, how many, and where it must be sold. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useRef, useState } from "react";
import { Controller, useForm, useWatch, type Control, type UseFormReturn } from "react-hook-form";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { useInstrument } from "@/api/instruments";
import { ApiProblem } from "@/api/problem";
import type { BrokerAccount, Instrument, Plan } from "@/api/queries";
import { serverNow } from "@/api/server-clock";
import { number } from "@/rules/entry";
import { showRupees } from "@/rules/money";
import { buyPrice, FIELDS, planOf, planSchema, sellsAtOnce, stopOf, type Held, type PlanEntered } from "@/rules/plan";
import { moneyAtRisk } from "@/rules/stop";
import { useWords } from "@/words";

import { Choice } from "./choice";
import { InstrumentField } from "./instrument-field";
import { LabelledSwitch } from "./labelled-switch";
import { LastPrice } from "./last-price";
import { useAskedBeforeLeaving } from "./leaving";
import { useNow } from "./now";
import { FieldError, Hint, Panel, ProblemText, Question, ToneText } from "./parts";
import { AccountField, TextField, TimeField } from "./plan-fields";

export function PlanForm({
  start,
  accounts,
  isSaving,
  error,
  held = null,
  onSave,
}: {
  start: PlanEntered;
  /** The trader's broker accounts; empty while they are not known. */
  accounts: readonly BrokerAccount[];
  isSaving: boolean;
  error: unknown;
  /** Null while nothing is held. */
  held?: Held | null;
  /** `letGo` is to be called once the plan is stored: until then leaving the screen asks. */
  onSave: (plan: Plan, letGo: () => void) => void;
}) {
  const words = useWords();
  const form = useForm<PlanEntered>({ resolver: zodResolver(planSchema(words.plan)), defaultValues: start });
  const { errors, isDirty } = form.formState;
  const { question, letGo } = useAskedBeforeLeaving(isDirty);
  const fromApi = error instanceof ApiProblem ? error.fields : [];
  const problemOf = (name: keyof PlanEntered): string | undefined =>
    errors[name]?.message ?? fromApi.find(({ field }) => FIELDS[field] === name)?.problem;
  const [exchange, symbol, typed] = useWatch({ control: form.control, name: ["exchange", "symbol", "expected"] });
  const found = useInstrument(exchange, symbol);
  /** The instrument that the prices were entered for. */
  const former = useRef<{ exchange: string; symbol: string }>(start);
  const instrument = found.data ?? null;
  const tick = instrument?.tick_size;
  const last = held?.last ?? instrument?.last_price ?? null;
  /** What is asked about before it is saved. */
  const [asked, setAsked] = useState<{ why: "stop" | "time"; plan: Plan } | null>(null);
  const submit = form.handleSubmit((entered) => {
    const price = stopOf(entered, tick, last);
    if (price === null) {
      if (buyPrice(entered, last) === null) form.setError("expected", { message: words.plan.expectedMissing });
      else form.setError("stopValue", { message: words.plan.stopTooFar });
      return;
    }
    const expected = number(entered.expected);
    // Of what is held the stop may be above what was paid: that keeps a gain.
    if (held === null && expected !== null && price >= expected) {
      form.setError("stopValue", { message: words.plan.stopAbove });
      return;
    }
    const plan = planOf(entered, price, accounts);
    const why = held === null ? null : sellsAtOnce(entered, price, last, serverNow());
    if (why === null) onSave(plan, letGo);
    else setAsked({ why, plan });
  });
  return (
    <>
      <Panel>
        <Controller
          control={form.control}
          name="symbol"
          render={({ field }) => (
            <InstrumentField
              value={field.value}
              problem={problemOf("symbol")}
              inputRef={field.ref}
              onChosen={(chosen: Instrument) => {
                field.onChange(chosen.symbol);
                form.setValue("exchange", chosen.exchange);
                if (former.current.symbol !== "" && !isSame(former.current, chosen)) forgetPrices(form);
                former.current = chosen;
              }}
              onCleared={() => field.onChange("")}
            />
          )}
        />
        <TextField control={form.control} name="quantity" label={words.plan.quantity} problem={problemOf("quantity")} isNumber />
        {instrument !== null && instrument.lot_size > 1 ? (
          <Hint>{words.plan.lots(instrument.lot_size)}</Hint>
        ) : null}
        <Text variant="titleSmall">{words.plan.product}</Text>
        <Controller
          control={form.control}
          name="product"
          render={({ field }) => (
            <Choice
              value={field.value}
              onValueChange={field.onChange}
              buttons={(["MIS", "CNC", "NRML"] as const).map((value) => ({ value, label: words.plan.products[value] }))}
            />
          )}
        />
        <FieldError text={problemOf("product")} />
        <AccountField control={form.control} accounts={accounts} problem={problemOf("account")} />
      </Panel>
      <Panel>
        <TimeField control={form.control} name="buyTime" label={words.plan.buyTime} problem={problemOf("buyTime")} usual={["09:15:00", "09:30:00", "10:00:00"]} />
        <TimeField control={form.control} name="sellTime" label={words.plan.sellTime} problem={problemOf("sellTime")} usual={["14:30:00", "15:00:00", "15:15:00"]} />
        <Hint>{words.plan.effective}</Hint>
      </Panel>
      <Panel title={words.plan.stop}>
        <Controller
          control={form.control}
          name="stopKind"
          render={({ field }) => (
            <Choice
              value={field.value}
              onValueChange={(kind) => {
                // A number of rupees is no number of percent.
                if (kind !== field.value) form.setValue("stopValue", "");
                field.onChange(kind);
              }}
              buttons={(["price", "percent", "points"] as const).map((value) => ({ value, label: words.plan.kinds[value], testID: `stop-${value}` }))}
            />
          )}
        />
        <StopInput control={form.control} problem={problemOf("stopValue")} />
        <TextField control={form.control} name="expected" label={words.plan.expected} problem={problemOf("expected")} isNumber />
        <Hint>{words.plan.expectedHelp}</Hint>
        <LastPrice instrument={found} isOverridden={number(typed) !== null} />
        <AtRisk control={form.control} tick={tick} last={last} isHeld={held !== null} />
        <Hint>{words.plan.everyDay}</Hint>
        <Controller
          control={form.control}
          name="brokerStop"
          render={({ field }) => (
            <LabelledSwitch label={words.plan.brokerStop} value={field.value} onChange={field.onChange} variant="bodyMedium" style={styles.line} textStyle={styles.grow} testID="broker-stop" />
          )}
        />
      </Panel>
      <ProblemText error={error} />
      {Object.keys(errors).length === 0 ? null : (
        <View role="alert" testID="not-saved">
          <ToneText tone="bad">{words.plan.notSaved}</ToneText>
        </View>
      )}
      <Button mode="contained" loading={isSaving} disabled={isSaving} onPress={() => void submit()} testID="save">
        {words.plan.save}
      </Button>
      <Question
        title={words.control.squareOff}
        text={asked === null ? "" : words.plan.sellsNowAsk[asked.why]}
        yes={words.plan.saveAndSell}
        isShown={asked !== null}
        onNo={() => setAsked(null)}
        onYes={() => {
          setAsked(null);
          if (asked !== null) onSave(asked.plan, letGo);
        }}
      />
      {question}
    </>
  );
}

function isSame(one: { exchange: string; symbol: string }, other: { exchange: string; symbol: string }): boolean {
  return one.exchange === other.exchange && one.symbol === other.symbol;
}

/** Rupees belong to the instrument that they were entered for; percent fit another as well. */
function forgetPrices(form: UseFormReturn<PlanEntered>): void {
  form.setValue("expected", "");
  if (form.getValues("stopKind") !== "percent") form.setValue("stopValue", "");
}

function StopInput({ control, problem }: { control: Control<PlanEntered>; problem: string | undefined }) {
  const words = useWords();
  const kind = useWatch({ control, name: "stopKind" });
  return <TextField control={control} name="stopValue" label={words.plan.stopValue[kind]} problem={problem} isNumber />;
}

function AtRisk({ control, tick, last, isHeld }: { control: Control<PlanEntered>; tick: number | undefined; last: number | null; isHeld: boolean }) {
  const words = useWords();
  const now = useNow();
  const entered = useWatch({ control }) as PlanEntered;
  const price = stopOf(entered, tick, last);
  const bought = buyPrice(entered, last);
  const risk = moneyAtRisk(price, bought, number(entered.quantity) ?? 0);
  const isTooFar = price === null && bought !== null && (number(entered.stopValue) ?? 0) > 0;
  const missing = bought === null ? words.plan.atRiskUnknown : price === null ? words.plan.atRiskStop : words.plan.atRiskQuantity;
  const sells = isHeld ? sellsAtOnce(entered, price, last, now) : null;
  const above = isHeld ? words.plan.stopAbovePaid : number(entered.expected) === null ? words.plan.stopAboveLast : words.plan.stopAbove;
  return (
    <View role="status" accessibilityLiveRegion="polite" testID="at-risk">
      {price === null ? null : <Text>{words.plan.stopIs(showRupees(price))}</Text>}
      {risk === null ? (
        <Text>{isTooFar ? words.plan.stopTooFar : missing}</Text>
      ) : (
        <ToneText tone={risk > 0 ? "busy" : "bad"}>{risk > 0 ? words.plan.atRisk(showRupees(risk)) : above}</ToneText>
      )}
      {sells === null ? null : <ToneText tone="bad">{words.plan.sellsNow[sells]}</ToneText>}
    </View>
  );
}

const styles = StyleSheet.create({
  line: { flexDirection: "row", alignItems: "center", gap: 12 },
  grow: { flex: 1 },
});
