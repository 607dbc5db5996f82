import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import * as WebBrowser from "expo-web-browser";
import { useState } from "react";
import { Controller, useForm } from "react-hook-form";
import { Platform, View } from "react-native";
import { Button, HelperText, Text } from "react-native-paper";
import * as z from "zod/mini";

import { body } from "@/api/client";
import { useOneAtATime } from "@/api/one-at-a-time";
import { useBroker, type Broker } from "@/api/queries";
import { useSession } from "@/api/session";
import { BrokerCountdown, loginNeeded } from "@/ui/broker-notice";
import { FreshCode } from "@/ui/fresh-code";
import { AskedButton, FieldError, Loaded, Panel, ProblemText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { TextInput } from "@/ui/text-input";
import { useWords } from "@/words";

export default function BrokerScreen() {
  const words = useWords();
  const [isAwaited, setAwaited] = useState(false);
  const broker = useBroker(isAwaited);
  return (
    <Screen title={words.broker.title} back="/settings">
      <Loaded query={broker}>{(view) => <Connection broker={view} isAwaited={isAwaited} onAwaited={setAwaited} />}</Loaded>
    </Screen>
  );
}

function Connection({
  broker,
  isAwaited,
  onAwaited,
}: {
  broker: Broker;
  isAwaited: boolean;
  onAwaited: (isAwaited: boolean) => void;
}) {
  const words = useWords();
  const { api } = useSession();
  const queries = useQueryClient();
  const [isChanging, setChanging] = useState(false);
  const [loginUrl, setLoginUrl] = useState<string | null>(null);
  const isConnected = broker.status === "connected";
  const goThere = async (url: string) => {
    setLoginUrl(url);
    onAwaited(true);
    await openPage(url);
  };
  const logIn = useMutation({
    mutationFn: async () => (await body(api.GET("/api/v1/broker/login"))).login_url,
    onSuccess: goThere,
  });
  const disconnect = useMutation({
    mutationFn: () => body(api.DELETE("/api/v1/broker")),
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <>
      <Panel>
        {isConnected ? <BrokerCountdown broker={broker} /> : null}
        {broker.status === "login_required" ? <Text>{loginNeeded(words, broker)}</Text> : null}
        {broker.status === "not_connected" ? <Text>{words.broker.none}</Text> : null}
        {broker.api_key ? <Text variant="bodySmall">{`${words.broker.key}: ${broker.api_key}`}</Text> : null}
        {broker.addresses.length > 0 ? (
          <Text variant="bodySmall" selectable>{`${words.broker.addresses}: ${broker.addresses.join(", ")}`}</Text>
        ) : null}
        {broker.postback_url ? (
          <Text variant="bodySmall" selectable>{`${words.broker.postback}: ${broker.postback_url}`}</Text>
        ) : null}
        {broker.status !== "not_connected" && loginUrl === null ? (
          <Button mode={isConnected ? "outlined" : "contained"} loading={logIn.isPending} disabled={logIn.isPending} onPress={() => logIn.mutate()} testID="broker-login">
            {words.broker.logIn}
          </Button>
        ) : null}
        {loginUrl !== null && isAwaited && !isConnected ? (
          <>
            <Text role="status">{words.broker.waiting}</Text>
            <Button mode="outlined" onPress={() => void openPage(loginUrl)} testID="broker-open-again">
              {words.broker.openAgain}
            </Button>
          </>
        ) : null}
        <ProblemText error={logIn.error ?? disconnect.error} />
        {broker.status === "not_connected" ? null : (
          <>
            <Button mode="text" onPress={() => setChanging(!isChanging)}>
              {words.broker.change}
            </Button>
            <AskedButton
              label={words.broker.disconnect}
              question={words.broker.none}
              icon="close"
              isDangerous
              isDisabled={disconnect.isPending}
              onConfirmed={() => disconnect.mutate()}
            />
          </>
        )}
      </Panel>
      {broker.status === "not_connected" || isChanging ? (
        <KeysForm
          onStored={(url) => {
            setChanging(false);
            if (url !== null) void goThere(url);
          }}
        />
      ) : null}
    </>
  );
}

interface Keys {
  apiKey: string;
  apiSecret: string;
  accessToken: string;
}

function KeysForm({ onStored }: { onStored: (loginUrl: string | null) => void }) {
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
          body: { api_key: keys.apiKey, api_secret: keys.apiSecret, access_token: keys.accessToken || null },
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
    <Panel title={words.broker.connect}>
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

/** The broker's page gets a window of its own, without a way back into this one. */
async function openPage(url: string): Promise<void> {
  if (Platform.OS === "web") window.open(url, "_blank", "noopener,noreferrer");
  else await WebBrowser.openBrowserAsync(url);
}
