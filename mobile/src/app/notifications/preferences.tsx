import { Text } from "react-native-paper";

import { usePreferencesOfNotices } from "@/api/notices";
import { MailChannel, SmsChannel, TelegramChannel, WebhookChannel } from "@/ui/channels";
import { KindChoice } from "@/ui/kind-choice";
import { Loaded } from "@/ui/parts";
import { PushChannel } from "@/ui/push-channel";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

/** Which channels there are beside the inbox, and which notices go to which. */
export default function NoticePreferences() {
  const words = useWords().notices.preferences;
  const preferences = usePreferencesOfNotices();
  return (
    <Screen title={words.title} back="/inbox">
      <Text>{words.intro}</Text>
      <Loaded query={preferences}>
        {(found) => (
          <>
            <PushChannel push={found.push} />
            <MailChannel channel={found.email} />
            <WebhookChannel channel={found.webhook} />
            <TelegramChannel channel={found.telegram} />
            <SmsChannel channel={found.sms} />
            <KindChoice preferences={found} />
          </>
        )}
      </Loaded>
    </Screen>
  );
}
