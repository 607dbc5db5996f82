import Svg, { Path } from "react-native-svg";

import { ICONS, type IconName } from "./icon-paths";

/** The kit asks for icons by the names of Material Design Icons; only those that are used are in the app. */
export function Icon({ name, color, size }: { name: string; color?: string; size: number }) {
  const path = ICONS[name as IconName] ?? ICONS.information;
  return (
    <Svg width={size} height={size} viewBox="0 0 24 24" aria-hidden>
      <Path d={path} fill={color ?? "currentColor"} />
    </Svg>
  );
}
