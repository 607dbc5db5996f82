import type { Platform } from "react-native";

test("in a browser a button's word wraps where there is no room for it, on a phone the kit decides", () => {
  const whiteSpaceOn = (os: typeof Platform.OS) => {
    const label = {};
    jest.isolateModules(() => {
      const native = jest.requireActual<typeof import("react-native")>("react-native");
      jest.replaceProperty(native.Platform, "OS", os);
      const { makeTheme } = jest.requireActual<typeof import("@/ui/theme")>("@/ui/theme");
      Object.assign(label, makeTheme(false, "huge").fonts.labelLarge);
    });
    return (label as { whiteSpace?: string }).whiteSpace;
  };
  expect(whiteSpaceOn("web")).toBe("normal");
  expect(whiteSpaceOn("android")).toBeUndefined();
});
