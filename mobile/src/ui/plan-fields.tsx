/** The fields of a plan that are typed. */
import { Controller, type Control } from "react-hook-form";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import type { BrokerAccount } from "@/api/queries";
import { serverNow } from "@/api/server-clock";
import { accountMeant } from "@/rules/broker-accounts";
import { istTime, readTimeOfDay } from "@/rules/clock";
import type { PlanEntered } from "@/rules/plan";
import { useWords } from "@/words";

import { FieldError } from "./parts";
import { PickOne } from "./pick-one";
import { TextInput } from "./text-input";
import { TimePicker } from "./time-picker";

interface FieldProps {
  control: Control<PlanEntered>;
  name: "quantity" | "stopValue" | "expected" | "buyTime" | "sellTime";
  label: string;
  problem: string | undefined;
  isNumber?: boolean;
}

export function TextField({ control, name, label, problem, isNumber = false }: FieldProps) {
  return (
    <Controller
      control={control}
      name={name}
      render={({ field }) => (
        <View>
          <TextInput
            // The first wrong field is gone to, wherever it is.
            ref={field.ref}
            mode="outlined"
            label={label}
            accessibilityLabel={label}
            value={field.value}
            onChangeText={field.onChange}
            onBlur={field.onBlur}
            inputMode={isNumber ? "decimal" : "text"}
            error={problem !== undefined}
            testID={name}
          />
          <FieldError text={problem} />
        </View>
      )}
    />
  );
}

/** A time of day in India: typed, picked from the usual ones, or on a phone with its own picker. */
export function TimeField({ usual, ...props }: FieldProps & { usual: readonly string[] }) {
  const words = useWords();
  return (
    <View style={styles.gap}>
      <TextField {...props} />
      <Controller
        control={props.control}
        name={props.name}
        render={({ field }) => (
          <View style={styles.chips}>
            <TimePicker label={props.label} time={readTimeOfDay(field.value)} onPicked={field.onChange} />
            {usual.map((time) => (
              <Button key={time} compact mode="outlined" accessibilityLabel={`${props.label} ${time.slice(0, 5)}`} onPress={() => field.onChange(time)}>
                {time.slice(0, 5)}
              </Button>
            ))}
            <Button compact mode="outlined" accessibilityLabel={`${props.label} ${words.plan.soon}`} onPress={() => field.onChange(istTime(serverNow() + 60_000))}>
              {words.plan.soon}
            </Button>
          </View>
        )}
      />
    </View>
  );
}

/** Which broker account the strategy trades in. Whoever has one is asked nothing. */
export function AccountField({ control, accounts, problem }: { control: Control<PlanEntered>; accounts: readonly BrokerAccount[]; problem: string | undefined }) {
  const words = useWords().plan;
  if (accounts.length < 2) return null;
  return (
    <View testID="account">
      <Text variant="titleSmall">{words.account}</Text>
      <Controller
        control={control}
        name="account"
        render={({ field }) => (
          <PickOne
            label={words.account}
            value={accountMeant(field.value, accounts)}
            onPicked={field.onChange}
            options={accounts.map((one) => ({ value: one.account_id, label: one.is_default ? words.isDefault(one.name) : one.name }))}
          />
        )}
      />
      <FieldError text={problem} />
    </View>
  );
}

const styles = StyleSheet.create({
  gap: { gap: 6 },
  chips: { flexDirection: "row", flexWrap: "wrap", gap: 8 },
});
