import { StyleSheet, View } from "react-native";
import { Text } from "react-native-paper";

import { useCommand, useDevices, type Device } from "@/api/queries";
import { useSession } from "@/api/session";
import { istDay, istTime } from "@/rules/clock";
import { AskedButton, Loaded, Panel, ProblemText } from "@/ui/parts";
import { Screen } from "@/ui/screen";
import { useWords } from "@/words";

/** Every login of the account, each to be ended from here. */
export default function Devices() {
  const words = useWords();
  const devices = useDevices();
  const command = useCommand();
  return (
    <Screen title={words.devices.title} back="/settings">
      <Loaded query={devices}>
        {(found) => (
          <Panel>
            {found.length === 0 ? <Text>{words.devices.none}</Text> : null}
            {found.map((device) => (
              <Line key={device.device_id} device={device} isBusy={command.isPending} onEnd={() => command.send({ kind: "end-device", id: device.device_id })} />
            ))}
          </Panel>
        )}
      </Loaded>
      <Text>{words.devices.note}</Text>
      <View style={styles.all}>
        <AskedButton label={words.devices.endAll} question={words.devices.endAllAsk} icon="logout" isDangerous isDisabled={command.isPending} onConfirmed={() => command.send({ kind: "end-devices" })} />
      </View>
      <ProblemText error={command.error} />
    </Screen>
  );
}

function Line({ device, isBusy, onEnd }: { device: Device; isBusy: boolean; onEnd: () => void }) {
  const words = useWords();
  const isThis = useSession().device === device.device_id;
  const since = istDay(device.created_at);
  return (
    <View style={styles.line} testID="device">
      <View style={styles.text}>
        <Text variant="titleSmall">{isThis ? `${device.name} · ${words.devices.thisOne}` : device.name}</Text>
        <Text variant="bodySmall">{words.devices.line(since, `${istDay(device.used_at)} ${istTime(device.used_at)}`)}</Text>
      </View>
      <AskedButton label={words.devices.end} question={words.devices.endAsk} icon="logout" isDisabled={isBusy} onConfirmed={onEnd} />
    </View>
  );
}

const styles = StyleSheet.create({
  line: { flexDirection: "row", flexWrap: "wrap", alignItems: "center", justifyContent: "space-between", gap: 8 },
  text: { flexShrink: 1, gap: 2 },
  all: { flexDirection: "row" },
});
