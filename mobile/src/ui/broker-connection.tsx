/** How a broker account stands, and what its owner does about it: the only one as a screen, one of several as a card. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import * as WebBrowser from "expo-web-browser";
import { useState } from "react";
import { Platform, StyleSheet, View } from "react-native";
import { Button, Text } from "react-native-paper";

import { body } from "@/api/client";
import type { Broker, BrokerAccount } from "@/api/queries";
import { useSession } from "@/api/session";
import { statusOf } from "@/rules/broker-accounts";
import { istTime } from "@/rules/clock";
import { useWords } from "@/words";
import type { Words } from "@/words/en";

import { KeysForm } from "./broker-keys";
import { ManageAccount } from "./broker-manage";
import { BrokerCountdown, loginNeeded } from "./broker-notice";
import { useNow } from "./now";
import { AskedButton, Panel, ProblemText, ToneText } from "./parts";

/** The account of whoever has one: it needs no name. */
export function OnlyConnection({ account, onAwaited }: { account: BrokerAccount; onAwaited: () => void }) {
  const words = useWords().broker;
  const all = useWords();
  const status = statusOf(account, useNow());
  const login = useBrokerLogin(account.account_id, status, onAwaited);
  const [isChanging, setChanging] = useState(false);
  const { connection } = account;
  return (
    <>
      <Panel>
        {status === "connected" && connection !== null ? <BrokerCountdown connection={connection} /> : null}
        {status === "login_required" ? <Text>{loginNeeded(all, connection)}</Text> : null}
        {status === "not_connected" ? <Text>{words.none}</Text> : null}
        <KeyFacts connection={connection} />
        {status === "not_connected" || login.url !== null ? null : <LogIn login={login} isNeeded={status !== "connected"} />}
        <Waiting login={login} isOver={status !== "login_required"} />
        <ProblemText error={login.error} />
        {status === "not_connected" ? null : (
          <>
            <Button mode="text" onPress={() => setChanging(!isChanging)}>
              {words.change}
            </Button>
            <Disconnect accountId={account.account_id} question={words.none} />
          </>
        )}
      </Panel>
      {status === "not_connected" || isChanging ? (
        <KeysForm
          accountId={account.account_id}
          title={words.connect}
          onStored={(url) => {
            setChanging(false);
            if (url !== null) void login.goTo(url);
          }}
        />
      ) : null}
    </>
  );
}

/** One of several: what has to be done in the morning is in sight, the rest one tap further. `isNew`: it was added just
 * now, and its keys are asked for. */
export function NamedConnection({ account, isNew, onAwaited }: { account: BrokerAccount; isNew: boolean; onAwaited: () => void }) {
  const words = useWords().broker;
  const status = statusOf(account, useNow());
  const login = useBrokerLogin(account.account_id, status, onAwaited);
  const [isOpen, setOpen] = useState(false);
  const [isAsked, setChanging] = useState<boolean | null>(null);
  const isChanging = isAsked ?? isNew;
  const { name, connection } = account;
  const more = isOpen ? words.accounts.less : words.accounts.more;
  return (
    <View testID="broker-account" style={styles.card}>
      <Panel title={name}>
        <About account={account} />
        <Standing connection={connection} status={status} />
        <View style={styles.buttons}>
          {status === "not_connected" ? (
            <Button mode={isChanging ? "outlined" : "contained"} accessibilityLabel={words.of(words.connect, name)} onPress={() => setChanging(!isChanging)} testID="connect-account">
              {words.connect}
            </Button>
          ) : null}
          {status === "not_connected" || login.url !== null ? null : <LogIn login={login} isNeeded={status !== "connected"} name={name} />}
          <Button mode="text" icon={isOpen ? "menu-up" : "menu-down"} accessibilityLabel={words.of(more, name)} onPress={() => setOpen(!isOpen)} testID="more">
            {more}
          </Button>
        </View>
        <Waiting login={login} isOver={status !== "login_required"} name={name} />
        <ProblemText error={login.error} />
        {isOpen ? (
          <>
            <KeyFacts connection={connection} />
            {connection === null ? null : (
              <>
                <Button mode="text" accessibilityLabel={words.of(words.change, name)} onPress={() => setChanging(!isChanging)}>
                  {words.change}
                </Button>
                <Disconnect accountId={account.account_id} question={words.accounts.disconnectAsk(name)} name={name} />
              </>
            )}
            <ManageAccount account={account} />
          </>
        ) : null}
      </Panel>
      {isChanging ? (
        <KeysForm
          accountId={account.account_id}
          title={words.of(words.connect, name)}
          onStored={(url) => {
            setChanging(false);
            if (url !== null) void login.goTo(url);
          }}
        />
      ) : null}
    </View>
  );
}

function About({ account }: { account: BrokerAccount }) {
  const { brokers, accounts } = useWords().broker;
  const names: Record<string, string | undefined> = brokers;
  const broker = account.connection?.broker;
  const parts = [broker ? (names[broker] ?? broker) : null, account.is_default ? accounts.isDefault : null, accounts.strategies(account.strategies)];
  return <Text variant="bodySmall">{parts.filter((part) => part !== null).join(" · ")}</Text>;
}

function Standing({ connection, status }: { connection: Broker | null; status: Broker["status"] }) {
  const words = useWords().broker;
  if (status === "connected" && connection !== null) return <BrokerCountdown connection={connection} />;
  const since = connection?.token_refused_at;
  if (status === "not_connected") return <Text>{words.noneHere}</Text>;
  return <ToneText tone="bad">{since ? words.refusedHere(istTime(since)) : words.requiredHere}</ToneText>;
}

function KeyFacts({ connection }: { connection: Broker | null }) {
  const words = useWords().broker;
  if (connection === null) return null;
  return (
    <>
      {connection.api_key ? <Text variant="bodySmall">{words.of(words.key, connection.api_key)}</Text> : null}
      {connection.addresses.length > 0 ? (
        <Text variant="bodySmall" selectable>
          {words.of(words.addresses, connection.addresses.join(", "))}
        </Text>
      ) : null}
      {connection.postback_url ? (
        <Text variant="bodySmall" selectable>
          {words.of(words.postback, connection.postback_url)}
        </Text>
      ) : null}
    </>
  );
}

/** A button as a screen reader says it: with the account's name where there are several. */
const named = (words: Words["broker"], label: string, name: string | undefined) => (name === undefined ? label : words.of(label, name));

type Login = ReturnType<typeof useBrokerLogin>;

function LogIn({ login, isNeeded, name }: { login: Login; isNeeded: boolean; name?: string }) {
  const words = useWords().broker;
  return (
    <Button
      mode={isNeeded ? "contained" : "outlined"}
      loading={login.isPending}
      disabled={login.isPending}
      accessibilityLabel={named(words, words.logIn, name)}
      onPress={login.begin}
      style={styles.within}
      testID="broker-login"
    >
      {words.logIn}
    </Button>
  );
}

function Waiting({ login, isOver, name }: { login: Login; isOver: boolean; name?: string }) {
  const words = useWords().broker;
  const { url } = login;
  if (url === null || isOver) return null;
  return (
    <>
      <Text role="status">{words.waiting}</Text>
      <Button mode="outlined" accessibilityLabel={named(words, words.openAgain, name)} onPress={() => void openPage(url)} testID="broker-open-again">
        {words.openAgain}
      </Button>
    </>
  );
}

function Disconnect({ accountId, question, name }: { accountId: string; question: string; name?: string }) {
  const words = useWords().broker;
  const { api } = useSession();
  const queries = useQueryClient();
  const disconnect = useMutation({
    mutationFn: () => body(api.DELETE("/api/v1/broker", { params: { query: { account_id: accountId } } })),
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <>
      <ProblemText error={disconnect.error} />
      <AskedButton label={words.disconnect} spoken={named(words, words.disconnect, name)} question={question} icon="close" isDangerous isDisabled={disconnect.isPending} onConfirmed={() => disconnect.mutate()} />
    </>
  );
}

/** The login at the broker's own page, which names the account that it is for. `url`: where it was begun. */
function useBrokerLogin(accountId: string, status: Broker["status"], onAwaited: () => void) {
  const { api } = useSession();
  const [url, setUrl] = useState<string | null>(null);
  // What was begun is over: where the broker refuses the login later, another one begins.
  if (url !== null && status === "connected") setUrl(null);
  const goTo = async (page: string) => {
    setUrl(page);
    onAwaited();
    await openPage(page);
  };
  const asking = useMutation({
    mutationFn: async () => (await body(api.GET("/api/v1/broker/login", { params: { query: { account_id: accountId } } }))).login_url,
    onSuccess: goTo,
  });
  return { url, goTo, begin: () => asking.mutate(), isPending: asking.isPending, error: asking.error };
}

/** The broker's page gets a window of its own, without a way back into this one. */
async function openPage(url: string): Promise<void> {
  if (Platform.OS === "web") window.open(url, "_blank", "noopener,noreferrer");
  else await WebBrowser.openBrowserAsync(url);
}

const styles = StyleSheet.create({
  card: { gap: 16 },
  buttons: { flexDirection: "row", flexWrap: "wrap", alignItems: "center", gap: 8 },
  within: { maxWidth: "100%" },
});
