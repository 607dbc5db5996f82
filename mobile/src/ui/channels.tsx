/** The ways to a trader outside of the app, each with what it takes to set it up. */
import { router } from "expo-router";
import { useState } from "react";
import { View } from "react-native";
import { Button, Text } from "react-native-paper";

import { body, type Api } from "@/api/client";
import { useNoticeChange, type Channel, type ChannelName, type Preferences } from "@/api/notices";
import type { Change } from "@/api/once";
import { ApiProblem } from "@/api/problem";
import type { Tone } from "@/rules/standing";
import { useWords } from "@/words";

import { FreshCode } from "./fresh-code";
import { AskedButton, FieldError, Hint, Panel, ProblemText, ToneText } from "./parts";
import { TextInput } from "./text-input";

const TONES: Record<Channel["status"], Tone> = { on: "good", unconfirmed: "busy", off: "quiet" };
const CHAT = /^-?[0-9]{1,20}$/;
/** Which countries there are is the API's to say. */
const MOBILE = /^\+?[0-9][0-9 ()-]{6,19}$/;

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
      <FreshCode error={setting.error} again={set} />
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

interface CodedWords {
  target: string;
  help: string;
  wrong: string;
  ask: string;
  asked: string;
  code: string;
  confirm: string;
}

interface CodedProps {
  name: "telegram" | "sms";
  id: "chat" | "mobile";
  /** As the API calls what is asked for. */
  field: string;
  channel: Channel;
  said: CodedWords;
  shape: RegExp;
  ask: (api: Api, asked: string) => Promise<unknown>;
  confirm: Change<string, unknown>;
  remove: (api: Api) => Promise<unknown>;
}

/** A channel that is its owner's once a code that was sent there has come back. */
function CodedChannel({ name, id, field, channel, said, shape, ask, confirm, remove }: CodedProps) {
  const words = useWords().notices.preferences;
  const [target, setTarget] = useState("");
  const [code, setCode] = useState("");
  const asking = useNoticeChange(ask);
  const confirming = useNoticeChange(confirm);
  const removal = useNoticeChange((api, _: null) => remove(api));
  const all = [asking, confirming, removal];
  const isBusy = all.some((each) => each.isPending);
  /** Only the last try's answer is told. */
  const anew = (send: () => void) => {
    all.forEach((each) => each.reset());
    send();
  };
  const isFit = shape.test(target.trim());
  const askForCode = () => anew(() => asking.mutate(target.trim()));
  return (
    <Panel title={words.channels[name]}>
      <State name={name} channel={channel} />
      {channel.status === "unconfirmed" ? (
        <>
          {asking.isSuccess ? <ToneText tone="good">{said.asked}</ToneText> : null}
          <TextInput mode="outlined" label={said.code} accessibilityLabel={said.code} value={code} onChangeText={setCode} autoCapitalize="none" autoComplete="one-time-code" inputMode={name === "sms" ? "numeric" : "text"} maxLength={40} testID={`${id}-code`} />
          <Button mode="contained" loading={isBusy} disabled={isBusy || code.trim() === ""} onPress={() => anew(() => confirming.mutate(code.trim(), { onSuccess: () => setCode("") }))} testID={`confirm-${id}`}>
            {said.confirm}
          </Button>
        </>
      ) : null}
      <View>
        <TextInput mode="outlined" label={said.target} accessibilityLabel={said.target} value={target} onChangeText={setTarget} autoComplete={name === "sms" ? "tel" : "off"} inputMode={name === "sms" ? "tel" : "text"} maxLength={21} testID={id} />
        <FieldError text={target.trim() !== "" && !isFit ? said.wrong : fieldProblem(asking.error, field)} />
      </View>
      <Hint>{said.help}</Hint>
      <ProblemText error={all.find((each) => each.error !== null)?.error} />
      <FreshCode error={asking.error} again={askForCode} />
      <Button mode={channel.status === "off" ? "contained" : "outlined"} loading={isBusy} disabled={isBusy || !isFit} onPress={askForCode} testID={`ask-${id}`}>
        {said.ask}
      </Button>
      {channel.status === "off" ? null : (
        <AskedButton label={words.remove} question={words.removeAsk} icon="close" isDangerous isDisabled={isBusy} onConfirmed={() => anew(() => removal.mutate(null))} />
      )}
    </Panel>
  );
}

export function TelegramChannel({ channel }: { channel: Channel }) {
  return (
    <CodedChannel
      name="telegram"
      id="chat"
      field="chat_id"
      channel={channel}
      said={useWords().notices.preferences.telegram}
      shape={CHAT}
      ask={(api, asked) => body(api.PUT("/api/v1/notifications/telegram", { body: { chat_id: asked } }))}
      confirm={(api, code, headers) => body(api.POST("/api/v1/notifications/telegram/confirm", { body: { code }, headers }))}
      remove={(api) => body(api.DELETE("/api/v1/notifications/telegram"))}
    />
  );
}

/** Nothing where the deployment sends none. */
export function SmsChannel({ channel: { status, target } }: { channel: Preferences["sms"] }) {
  const { sms } = useWords().notices.preferences;
  return status === "unavailable" ? null : (
    <CodedChannel
      name="sms"
      id="mobile"
      field="number"
      channel={{ status, target }}
      said={sms}
      shape={MOBILE}
      ask={(api, number) => body(api.PUT("/api/v1/notifications/sms", { body: { number } }))}
      confirm={(api, code, headers) => body(api.POST("/api/v1/notifications/sms/confirm", { body: { code }, headers }))}
      remove={(api) => body(api.DELETE("/api/v1/notifications/sms"))}
    />
  );
}

function fieldProblem(error: unknown, name: string): string | undefined {
  return error instanceof ApiProblem ? error.fields.find(({ field }) => field === name)?.problem : undefined;
}
