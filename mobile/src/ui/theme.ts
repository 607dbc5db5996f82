/** Colours with enough contrast on both grounds (WCAG 2 AA, checked by axe), and text that grows. */
import { Platform } from "react-native";
import { configureFonts, MD3DarkTheme, MD3LightTheme, useTheme, type MD3Theme } from "react-native-paper";

import type { Preferences } from "./preferences";

export type AppTheme = MD3Theme & { colors: MD3Theme["colors"] & { good: string; bad: string; busy: string } };

const SCALES: Record<Preferences["size"], number> = { normal: 1, large: 1.2, huge: 1.45 };

export function makeTheme(isDark: boolean, size: Preferences["size"]): AppTheme {
  const base = isDark ? MD3DarkTheme : MD3LightTheme;
  const own = isDark
    ? { primary: "#8ab4f8", onPrimary: "#062e6f", good: "#81c995", bad: "#f5a19a", busy: "#fdd663" }
    : { primary: "#174ea6", onPrimary: "#ffffff", good: "#0b6b2e", bad: "#b3261e", busy: "#7a4d00" };
  const ground = isDark
    ? { background: "#111318", surface: "#191c20", onSurfaceVariant: "#c8cad1", primaryContainer: "#0842a0", onPrimaryContainer: "#d3e3fd", secondaryContainer: "#2f3a4c", onSecondaryContainer: "#dbe4f5" }
    : { background: "#f7f9fc", surface: "#ffffff", onSurfaceVariant: "#44474e", primaryContainer: "#d3e3fd", onPrimaryContainer: "#041e49", secondaryContainer: "#dbe4f5", onSecondaryContainer: "#131c2b" };
  // Dialogs stand on this one; the library's own is tinted for another primary colour.
  const elevation = { ...base.colors.elevation, level3: isDark ? "#23272e" : "#ffffff" };
  return { ...base, roundness: 3, fonts: scaled(base.fonts, SCALES[size]), colors: { ...base.colors, ...ground, ...own, elevation } };
}

export function useAppTheme(): AppTheme {
  return useTheme<AppTheme>();
}

/** How much larger than usual the text is. */
export function useTextScale(): number {
  return (useAppTheme().fonts.bodyLarge.fontSize ?? USUAL_INPUT) / USUAL_INPUT;
}

/** Material's size of what is typed into a field. */
const USUAL_INPUT = 16;
/** Of text that names no kind; the library leaves it to the platform, where it would not grow. */
const PLAIN = { fontSize: 14, lineHeight: 20 };
/** The line of a button's word. A button is 20 higher than that, and a thumb needs 48. */
const LEAST_BUTTON_LINE = 28;

/** The kit keeps a button's word on one line and cuts it off; a browser can be told otherwise. */
const WRAPS = Platform.OS === "web" ? { whiteSpace: "normal" } : {};

function scaled(fonts: MD3Theme["fonts"], scale: number): MD3Theme["fonts"] {
  const config = Object.fromEntries(
    Object.entries(fonts).map(([name, font]) => {
      const { fontSize, lineHeight } = name === "default" ? PLAIN : (font as { fontSize?: number; lineHeight?: number });
      const least = name === "labelLarge" ? LEAST_BUTTON_LINE : 0;
      const sizes = fontSize && lineHeight ? { fontSize: fontSize * scale, lineHeight: Math.max(least, lineHeight * scale) } : {};
      return [name, { ...font, ...sizes, ...(name === "labelLarge" ? WRAPS : {}) }];
    }),
  );
  return configureFonts({ config, isV3: true }) as MD3Theme["fonts"];
}
