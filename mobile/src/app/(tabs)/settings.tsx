import { router } from "expo-router";
import { Button, Text } from "react-native-paper";

import { usePreferencesOfNotices } from "@/api/notices";
import { useSession } from "@/api/session";
import { Choice } from "@/ui/choice";
import { Panel } from "@/ui/parts";
import { usePreferences } from "@/ui/preferences";
import { Screen } from "@/ui/screen";
import { LANGUAGES, useWords } from "@/words";

export default function Settings() {
  const words = useWords();
  const session = useSession();
  const { preferences, change } = usePreferences();
  const { modes, sizes } = words.settings;
  const mail = usePreferencesOfNotices().data?.email;
  return (
    <Screen title={words.settings.title}>
      <Panel title={words.settings.appearance}>
        <Choice
          value={preferences.mode}
          onValueChange={(mode) => change({ mode })}
          buttons={[
            { value: "system", label: modes.system, testID: "mode-system" },
            { value: "light", label: modes.light, testID: "mode-light" },
            { value: "dark", label: modes.dark, testID: "mode-dark" },
          ]}
        />
        <Text variant="titleSmall">{words.settings.textSize}</Text>
        <Choice
          value={preferences.size}
          onValueChange={(size) => change({ size })}
          buttons={[
            { value: "normal", label: sizes.normal },
            { value: "large", label: sizes.large },
            { value: "huge", label: sizes.huge },
          ]}
        />
        <Text>{`${words.settings.language}: ${LANGUAGES[preferences.language].name}`}</Text>
      </Panel>
      <Panel title={words.settings.account}>
        <Text>{session.email ?? ""}</Text>
        <Button mode="outlined" icon="bank" onPress={() => router.push("/broker")} testID="to-broker">
          {words.settings.broker}
        </Button>
        {mail?.status === "unconfirmed" ? (
          <Button mode="outlined" icon="check" onPress={() => router.push("/verify")} testID="to-verify">
            {words.account.confirmEmail}
          </Button>
        ) : null}
        <Button mode="outlined" icon="shield-alert" onPress={() => router.push("/second-factor")} testID="to-second-factor">
          {words.secondFactor.title}
        </Button>
        <Button mode="outlined" icon="shield-alert" onPress={() => router.push("/password")} testID="to-password">
          {words.account.change}
        </Button>
        <Button mode="outlined" icon="link-variant" onPress={() => router.push("/devices")} testID="to-devices">
          {words.devices.title}
        </Button>
        <Button mode="outlined" icon="key-variant" onPress={() => router.push("/keys")} testID="to-keys">
          {words.access.keys.title}
        </Button>
        <Button mode="outlined" icon="account-eye" onPress={() => router.push("/viewers")} testID="to-viewers">
          {words.access.viewers.title}
        </Button>
        <Button mode="outlined" icon="bell" onPress={() => router.push("/notifications/preferences")} testID="to-notices">
          {words.notices.preferences.title}
        </Button>
        <Button mode="outlined" icon="information" onPress={() => router.push("/account-data")} testID="to-account-data">
          {words.accountData.title}
        </Button>
        <Button mode="outlined" icon="logout" onPress={() => void session.logOut()} testID="log-out">
          {words.account.logOut}
        </Button>
        <Text variant="bodySmall">{words.settings.environment(session.environment.name)}</Text>
      </Panel>
    </Screen>
  );
}
