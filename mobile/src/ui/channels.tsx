/** The ways to a trader outside of the app, each with what it takes to set it up. */
import { router } from "expo-router";
import { useState } from "react";
import { View } from "react-native";
import { Button, Text } from "react-native-paper";

import { body } from "@/api/client";
import { useNoticeChange, type Channel, type ChannelName } from "@/api/notices";
import { ApiProblem } from "@/api/problem";
import type { Tone } from "@/rules/standing";
import { useWords } from "@/words";

import { AskedButton, FieldError, Hint, Panel, ProblemText, ToneText } from "./parts";
import { TextInput } from "./text-input";

const TONES: Record<Channel["status"], Tone> = { on: "good", unconfirmed: "busy", off: "quiet" };
const CHAT = /^-?[0-9]{1,20}$/;

function State({ name, channel }: { name: ChannelName; channel: Channel }) {
  const words = useWords().notices.preferences;
  return (
    <View testID={`${name}-state`}>
      <ToneText tone={TONES[channel.status]}>{words.states[channel.status]}</ToneText>
      {channel.target === null ? null : <Text selectable>{channel.target}</Text>}
    </View>
  );
}

export function MailChannel({ channel }: { channel: Channel }) {
  const words = useWords();
  return (
    <Panel title={words.notices.preferences.channels.email}>
      <State name="email" channel={channel} />
      {channel.status === "unconfirmed" ? (
        <Button mode="contained" onPress={() => router.push("/verify")} testID="confirm-mail">
          {words.account.confirmEmail}
        </Button>
      ) : null}
    </Panel>
  );
}

export function WebhookChannel({ channel }: { channel: Channel }) {
  const words = useWords().notices.preferences;
  const [url, setUrl] = useState("");
  const setting = useNoticeChange((api, asked: string) => body(api.PUT("/api/v1/notifications/webhook", { body: { url: asked } })));
  const removal = useNoticeChange((api, _: null) => body(api.DELETE("/api/v1/notifications/webhook")));
  const isBusy = setting.isPending || removal.isPending;
  const set = () => {
    removal.reset();
    setting.mutate(url.trim(), { onSuccess: () => setUrl("") });
  };
  const remove = () => {
    setting.reset();
    removal.mutate(null);
  };
  return (
    <Panel title={words.channels.webhook}>
      <State name="webhook" channel={channel} />
      {setting.data === undefined ? null : (
        <View role="alert">
          <Text>{words.secret}</Text>
          <Text selectable variant="titleSmall" testID="webhook-secret">
            {setting.data.secret}
          </Text>
        </View>
      )}
      <View>
        <TextInput mode="outlined" label={words.url} accessibilityLabel={words.url} value={url} onChangeText={setUrl} autoCapitalize="none" autoComplete="off" inputMode="url" maxLength={500} testID="webhook-url" />
        <FieldError text={fieldProblem(setting.error, "url")} />
      </View>
      <Hint>{words.urlHelp}</Hint>
      <ProblemText error={setting.error ?? removal.error} />
      {channel.status === "off" ? (
        <Button mode="contained" loading={isBusy} disabled={isBusy || url.trim() === ""} onPress={set} testID="set-webhook">
          {words.urlSet}
        </Button>
      ) : (
        <>
          <AskedButton label={words.urlChange} question={words.urlChangeAsk} icon="refresh" isDisabled={isBusy || url.trim() === ""} onConfirmed={set} />
          <AskedButton label={words.remove} question={words.removeAsk} icon="close" isDangerous isDisabled={isBusy} onConfirmed={remove} />
        </>
      )}
    </Panel>
  );
}

export function TelegramChannel({ channel }: { channel: Channel }) {
  const words = useWords().notices.preferences;
  const [chat, setChat] = useState("");
  const [code, setCode] = useState("");
  const asking = useNoticeChange((api, asked: string) => body(api.PUT("/api/v1/notifications/telegram", { body: { chat_id: asked } })));
  const confirming = useNoticeChange((api, asked: string, headers) => body(api.POST("/api/v1/notifications/telegram/confirm", { body: { code: asked }, headers })));
  const removal = useNoticeChange((api, _: null) => body(api.DELETE("/api/v1/notifications/telegram")));
  const all = [asking, confirming, removal];
  const isBusy = all.some((each) => each.isPending);
  /** Only the last try's answer is told. */
  const anew = (send: () => void) => {
    all.forEach((each) => each.reset());
    send();
  };
  const isNumber = CHAT.test(chat.trim());
  return (
    <Panel title={words.channels.telegram}>
      <State name="telegram" channel={channel} />
      {channel.status === "unconfirmed" ? (
        <>
          {asking.isSuccess ? <ToneText tone="good">{words.chatAsked}</ToneText> : null}
          <TextInput mode="outlined" label={words.chatCode} accessibilityLabel={words.chatCode} value={code} onChangeText={setCode} autoCapitalize="none" autoComplete="one-time-code" maxLength={40} testID="chat-code" />
          <Button mode="contained" loading={isBusy} disabled={isBusy || code.trim() === ""} onPress={() => anew(() => confirming.mutate(code.trim(), { onSuccess: () => setCode("") }))} testID="confirm-chat">
            {words.chatConfirm}
          </Button>
        </>
      ) : null}
      <View>
        <TextInput mode="outlined" label={words.chat} accessibilityLabel={words.chat} value={chat} onChangeText={setChat} autoComplete="off" inputMode="text" maxLength={21} testID="chat" />
        <FieldError text={chat.trim() !== "" && !isNumber ? words.chatWrong : fieldProblem(asking.error, "chat_id")} />
      </View>
      <Hint>{words.chatHelp}</Hint>
      <ProblemText error={all.find((each) => each.error !== null)?.error} />
      <Button mode={channel.status === "off" ? "contained" : "outlined"} loading={isBusy} disabled={isBusy || !isNumber} onPress={() => anew(() => asking.mutate(chat.trim()))} testID="ask-chat">
        {words.chatAsk}
      </Button>
      {channel.status === "off" ? null : (
        <AskedButton label={words.remove} question={words.removeAsk} icon="close" isDangerous isDisabled={isBusy} onConfirmed={() => anew(() => removal.mutate(null))} />
      )}
    </Panel>
  );
}

function fieldProblem(error: unknown, name: string): string | undefined {
  return error instanceof ApiProblem ? error.fields.find(({ field }) => field === name)?.problem : undefined;
}
