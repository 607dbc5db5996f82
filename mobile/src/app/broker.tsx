import { useState } from "react";

import { BROKER_POLL_MS, useBrokerAccounts, type BrokerAccount } from "@/api/queries";
import { serverNow } from "@/api/server-clock";
import { MOST_ACCOUNTS, statusOf, withoutLogin } from "@/rules/broker-accounts";
import { AddAccount } from "@/ui/broker-add";
import { NamedConnection, OnlyConnection } from "@/ui/broker-connection";
import { Hint, Loaded } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

export default function BrokerScreen() {
  const words = useWords().broker;
  const [isAwaited, setAwaited] = useState(false);
  const accounts = useBrokerAccounts(isAwaited ? "often" : "now and then");
  return (
    <Screen title={words.title} back="/settings">
      <Loaded query={accounts} every={BROKER_POLL_MS}>{(found) => <Accounts accounts={found} onAwaited={() => setAwaited(true)} />}</Loaded>
    </Screen>
  );
}

/** Whoever has one account is troubled by no names; of several, those that miss their login stand first. */
function Accounts({ accounts, onAwaited }: { accounts: readonly BrokerAccount[]; onAwaited: () => void }) {
  const words = useWords().broker.accounts;
  const [added, setAdded] = useState<string | null>(null);
  // As it was when the screen was opened, so that nothing moves under a thumb once one is logged in.
  const [first] = useState(() => withoutLogin(accounts, serverNow()).map((one) => one.account_id));
  const [only, ...others] = accounts;
  if (only !== undefined && others.length === 0) {
    const hasBroker = statusOf(only, serverNow()) !== "not_connected";
    return (
      <>
        <OnlyConnection account={only} onAwaited={onAwaited} />
        {hasBroker ? <AddAccount onAdded={setAdded} /> : null}
      </>
    );
  }
  const isFirst = (one: BrokerAccount) => Number(first.includes(one.account_id));
  return (
    <>
      {[...accounts]
        .sort((a, b) => isFirst(b) - isFirst(a))
        .map((one) => (
          <NamedConnection key={one.account_id} account={one} isNew={one.account_id === added} onAwaited={onAwaited} />
        ))}
      {accounts.length < MOST_ACCOUNTS ? <AddAccount onAdded={setAdded} /> : <Hint>{words.full(MOST_ACCOUNTS)}</Hint>}
    </>
  );
}
