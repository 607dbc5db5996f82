/** The keys of a broker account, as the broker shows them. */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Controller, useForm } from "react-hook-form";
import { View } from "react-native";
import { Button, HelperText } from "react-native-paper";
import * as z from "zod/mini";

import { body } from "@/api/client";
import { useOneAtATime } from "@/api/one-at-a-time";
import { useSession } from "@/api/session";
import { useWords } from "@/words";

import { FreshCode } from "./fresh-code";
import { FieldError, Panel, ProblemText } from "./parts";
import { TextInput } from "./text-input";

interface Keys {
  apiKey: string;
  apiSecret: string;
  accessToken: string;
}

/** Takes the keys of one account. Without a token `onStored` gets the address of the broker's login. */
export function KeysForm({ accountId, title, onStored }: { accountId: string; title: string; onStored: (loginUrl: string | null) => void }) {
  const words = useWords();
  const { api, environment } = useSession();
  const queries = useQueryClient();
  const issued = /^[A-Za-z0-9._~-]{1,200}$/;
  const schema = z.object({
    apiKey: z.string().check(z.regex(issued, words.broker.issued)),
    apiSecret: z.string().check(z.regex(issued, words.broker.issued)),
    accessToken: z.string().check(z.regex(/^[A-Za-z0-9._~-]{0,200}$/, words.broker.issued)),
  });
  const form = useForm<Keys>({
    resolver: zodResolver(schema),
    defaultValues: { apiKey: "", apiSecret: "", accessToken: "" },
  });
  const connect = useMutation({
    mutationFn: (keys: Keys) =>
      body(
        api.POST("/api/v1/broker/connect", {
          body: { account_id: accountId, api_key: keys.apiKey, api_secret: keys.apiSecret, access_token: keys.accessToken || null },
        }),
      ),
    onSuccess: (answer) => {
      form.reset();
      onStored(answer.login_url ?? null);
    },
    onSettled: () => queries.invalidateQueries(),
  });
  const oneAtATime = useOneAtATime();
  const submit = () => oneAtATime(form.handleSubmit((keys) => connect.mutateAsync(keys).catch(() => undefined)));
  const fields = [
    { name: "apiKey", label: words.broker.key, isSecret: false },
    { name: "apiSecret", label: words.broker.secret, isSecret: true },
    { name: "accessToken", label: words.broker.token, isSecret: true },
  ] as const;
  const demo = environment.demo;
  return (
    <Panel title={title}>
      {fields.map(({ name, label, isSecret }) => (
        <Controller
          key={name}
          control={form.control}
          name={name}
          render={({ field, fieldState }) => (
            <View>
              <TextInput
                mode="outlined"
                label={label}
                accessibilityLabel={label}
                value={field.value}
                onChangeText={(text) => field.onChange(text.trim())}
                secureTextEntry={isSecret}
                autoCapitalize="none"
                autoComplete="off"
                error={fieldState.error !== undefined}
                testID={name}
              />
              <FieldError text={fieldState.error?.message} />
            </View>
          )}
        />
      ))}
      <HelperText type="info" padding="none">
        {words.broker.tokenHelp}
      </HelperText>
      <ProblemText error={connect.error} />
      <FreshCode error={connect.error} again={() => void submit()} />
      <Button
        mode="contained"
        loading={connect.isPending}
        disabled={connect.isPending}
        onPress={() => void submit()}
        testID="connect"
      >
        {words.broker.connect}
      </Button>
      {demo?.brokerKey && demo.brokerSecret ? (
        <Button
          mode="outlined"
          testID="demo-broker"
          onPress={() => {
            form.setValue("apiKey", demo.brokerKey ?? "");
            form.setValue("apiSecret", demo.brokerSecret ?? "");
          }}
        >
          {words.broker.demo}
        </Button>
      ) : null}
    </Panel>
  );
}
