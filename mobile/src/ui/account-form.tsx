/** Registering and logging in ask for the same two things. */
import { zodResolver } from "@hookform/resolvers/zod";
import { Link } from "expo-router";
import { useState } from "react";
import { Controller, useForm } from "react-hook-form";
import { StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";
import * as z from "zod/mini";

import { useOneAtATime } from "@/api/one-at-a-time";
import { ApiProblem } from "@/api/problem";
import { useSession } from "@/api/session";
import { SHORTEST_PASSWORD } from "@/rules/strength";
import { useWords } from "@/words";

import { CodeInput } from "./code";
import { MailSent } from "./mail-sent";
import { FieldError, Panel, ProblemText } from "./parts";
import { PasswordInput } from "./password";
import { Screen } from "./screen";
import { TextInput } from "./text-input";
import { useAppTheme, useTextScale } from "./theme";

interface Entered {
  email: string;
  password: string;
}

export function AccountForm({ isNew }: { isNew: boolean }) {
  const words = useWords();
  const theme = useAppTheme();
  const link = [styles.link, { color: theme.colors.primary, fontSize: 16 * useTextScale() }];
  const session = useSession();
  const [error, setError] = useState<unknown>(null);
  const [code, setCode] = useState<string | null>(null);
  const [asked, setAsked] = useState<Entered | null>(null);
  const schema = z.object({
    email: z.string().check(z.trim(), z.regex(/^\S+@\S+\.\S+$/, words.account.emailWrong)),
    password: isNew
      ? z.string().check(z.minLength(SHORTEST_PASSWORD, words.account.passwordShort))
      : z.string().check(z.minLength(1, words.account.passwordMissing)),
  });
  const form = useForm<Entered>({ resolver: zodResolver(schema), defaultValues: { email: "", password: "" } });
  const oneAtATime = useOneAtATime();
  const enter = form.handleSubmit(async ({ email, password }) => {
    setError(null);
    try {
      if (isNew) {
        await session.register(email, password);
        setAsked({ email, password });
      } else await session.logIn(email, password, code ?? undefined);
    } catch (problem) {
      setError(problem);
      if (problem instanceof ApiProblem) {
        if (problem.code === "SECOND_FACTOR_NEEDED") setCode("");
        for (const { field, problem: text } of problem.fields) {
          if (field === "email" || field === "password") form.setError(field, { message: text });
        }
      }
    }
  });
  const submit = () => oneAtATime(enter);
  const { isSubmitting, errors } = form.formState;
  const demo = session.environment.demo;
  if (asked !== null) {
    return <MailSent email={asked.email} again={() => session.register(asked.email, asked.password)} change={() => setAsked(null)} />;
  }
  const label = isNew ? words.account.register : words.account.logIn;
  return (
    <Screen title={label}>
      <Text style={{ color: theme.colors.onSurfaceVariant }}>{words.account.tagline}</Text>
      {session.isUnreadable ? <Text role="alert">{words.account.unreadable}</Text> : null}
      <Panel>
        <Controller
          control={form.control}
          name="email"
          render={({ field }) => (
            <View>
              <TextInput
                mode="outlined"
                label={words.account.email}
                accessibilityLabel={words.account.email}
                value={field.value}
                onChangeText={field.onChange}
                onBlur={field.onBlur}
                autoCapitalize="none"
                autoComplete="email"
                inputMode="email"
                error={errors.email !== undefined}
                testID="email"
              />
              <FieldError text={errors.email?.message} />
            </View>
          )}
        />
        <Controller
          control={form.control}
          name="password"
          render={({ field }) => (
            <View>
              <PasswordInput
                label={isNew ? words.account.newPassword : words.account.password}
                value={field.value}
                onChange={field.onChange}
                onSubmit={() => void submit()}
                isNew={isNew}
                hasError={errors.password !== undefined}
              />
              <FieldError text={errors.password?.message} />
            </View>
          )}
        />
        {code === null ? null : <CodeInput value={code} onChange={setCode} onSubmit={() => void submit()} />}
        <ProblemText error={error} />
        <Button mode="contained" loading={isSubmitting} disabled={isSubmitting} onPress={() => void submit()} testID="submit">
          {label}
        </Button>
        {!isNew && demo !== undefined ? (
          <Button
            mode="outlined"
            testID="demo"
            onPress={() => {
              form.setValue("email", demo.email);
              form.setValue("password", demo.password);
            }}
          >
            {words.account.demo}
          </Button>
        ) : null}
      </Panel>
      <Link href={isNew ? "/login" : "/register"} replace style={link}>
        {isNew ? words.account.toLogIn : words.account.toRegister}
      </Link>
      {isNew ? null : (
        <Link href="/forgot" style={link} testID="to-forgot">
          {words.account.forgotten}
        </Link>
      )}
    </Screen>
  );
}

const styles = StyleSheet.create({ link: { paddingVertical: 14, textAlign: "center" } });
